// swift-tools-version: 6.2
import PackageDescription

// Lowest first: an arrow may only point up this list, and the build refuses the other way
// (`--explicit-target-dependency-import-check error`, see Tools/check).
//
// No Swift target links libfuse but `FUSE`, and none links SQLite but `SQL`.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "loci",
    products: [
        .executable(name: "loci", targets: ["LociMain"]),
        .library(name: "Loci", targets: ["Loci", "Migration"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(
            name: "CSQLite",
            pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]
        ),
        .systemLibrary(
            name: "CFUSE",
            pkgConfig: "fuse3",
            providers: [.apt(["libfuse3-dev"])]
        ),
        // Not swift-crypto: compiling its BoringSSL took more than half of every clean build.
        .systemLibrary(
            name: "CCrypto",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"])]
        ),
        .target(name: "CLinux"),
        // FTS5 is extended by tables of C functions.
        .target(name: "CSearch", dependencies: ["CSQLite"]),

        module("Linux", ["CLinux"]),
        module("Model", []),
        module("SQL", ["CSQLite", "CSearch"]),
        module("FUSE", ["CFUSE", "Linux"]),
        module("Digest", ["CCrypto"]),

        module("Blobs", ["Digest", "Linux", "Model"]),
        module("Catalog", ["Digest", "Linux", "Model", "SQL"]),

        module("Loci", ["Blobs", "Catalog", "Digest", "Linux", "Model", "SQL"]),

        module("Migration", ["Blobs", "Catalog", "Digest", "Linux", "Loci", "Model", "SQL"]),
        module(
            "Mount",
            [
                "Blobs", "Catalog", "Digest", "FUSE", "Linux", "Loci", "Model", "SQL",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),

        module(
            "Commands",
            [
                "FUSE", "Linux", "Loci", "Migration", "Model", "Mount",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Yams", package: "Yams"),
            ]
        ),
        .executableTarget(
            name: "LociMain",
            dependencies: ["Commands"],
            swiftSettings: settings
        ),

        // Readers and writers that know nothing of Loci but paths: for Tools/demo.
        .executableTarget(
            name: "Exercise",
            dependencies: ["Linux"],
            path: "Tools/Exercise",
            swiftSettings: settings
        ),

        // What Tools/bench measures within one process.
        .executableTarget(
            name: "Bench",
            dependencies: ["Linux", "Loci", "Migration", "Model"],
            path: "Tools/Bench",
            swiftSettings: settings
        ),

        .target(
            name: "TestSupport",
            dependencies: ["Blobs", "Linux", "SQL"],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        // System calls that the product does not make.
        .target(name: "CCalls", path: "Tests/CCalls"),
        tests("LinuxTests", ["Linux", "TestSupport"]),
        tests("ModelTests", ["Model"]),
        tests("SQLTests", ["Linux", "SQL", "TestSupport"]),
        tests("FUSETests", ["FUSE", "Linux"]),
        tests("BlobsTests", ["Blobs", "Digest", "Linux", "Model", "TestSupport"]),
        tests("CatalogTests", ["Catalog", "Linux", "Model", "SQL"]),
        tests(
            "LociTests",
            ["Blobs", "Catalog", "Linux", "Loci", "Model", "SQL", "TestSupport"]
        ),
        tests(
            "MigrationTests",
            ["Blobs", "Catalog", "Linux", "Loci", "Migration", "Model", "SQL", "TestSupport"]
        ),
        tests(
            "MountedTests",
            [
                "Blobs", "CCalls", "Catalog", "Linux", "Loci", "Migration", "Model", "Mount", "SQL",
                "TestSupport",
            ]
        ),
        // The built program on real mounts, driven by the tools that people use.
        tests("EndToEndTests", ["Linux", "TestSupport"]),
        tests("CommandsTests", ["Commands", "Linux", "Loci", "Model"]),
    ]
)
