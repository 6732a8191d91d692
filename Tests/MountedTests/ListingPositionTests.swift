import FUSE
import Glibc
import Linux
import Model
import Testing

@testable import Loci
@testable import Mount

/// Directories that change while they are listed in pieces.
@Suite("A listing in pieces", .serialized, .timeLimit(.minutes(20)))
struct ListingPositionTests {
    /// More than fit into one piece.
    private static let count = 400

    /// How a program replaces a file's content.
    enum Save: CaseIterable {
        case temporary, temporaryThatIsBorn, backup, backupThatStays, anew, tool
    }

    /// With the memories `0.md`, `1.md` and so on in the directory `d`, born.
    private static func mounted(_ options: String = "") throws -> MountedTenant {
        let mounted = try MountedTenant("{folder...}", options)
        for name in ["d", "few"] { try mounted.makeDirectory(name) }
        for number in 0..<count { try mounted.write("d/\(number).md", "old") }
        _ = mounted.daemon.staging.commitNow(.unmount)
        return mounted
    }

    private static let names = Set((0..<count).map { "\($0).md" })

    private static func save(_ name: String, _ save: Save, _ mounted: MountedTenant) throws {
        switch save {
        case .temporary: try mounted.save("d/\(name)", "new")
        case .temporaryThatIsBorn:
            try mounted.write("d/t", "new")
            _ = mounted.daemon.staging.commitNow(.unmount)
            try mounted.rename("d/t", "d/\(name)")
        case .backup:
            try mounted.rename("d/\(name)", "d/\(name)~")
            try mounted.write("d/\(name)", "new")
            try mounted.remove("d/\(name)~")
        case .backupThatStays:
            try mounted.rename("d/\(name)", "d/\(name).bak")
            try mounted.write("d/\(name)", "new")
        case .anew:
            try mounted.remove("d/\(name)")
            try mounted.write("d/\(name)", "new")
        case .tool:
            try mounted.write("d/.t", "new")
            try mounted.rename("d/.t", "d/\(name)")
        }
    }

    /// Reads a directory entry by entry, and calls `body` after each.
    ///
    /// Returns how often each name came; ends where far too many come.
    private static func list(
        _ path: String,
        _ body: (String) throws -> Void
    ) throws -> [String: Int] {
        guard let stream = unsafe opendir(path) else { throw MountedTenant.Failed(code: errno) }
        defer { unsafe closedir(stream) }
        var seen: [String: Int] = [:]
        while let entry = unsafe readdir(stream), seen.values.reduce(0, +) < 10 * count {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name == "." || name == ".." { continue }
            seen[name, default: 0] += 1
            try body(name)
        }
        return seen
    }

    @Test("shows each file once to a program that saves each as it comes", arguments: Save.allCases)
    func savedMeanwhile(_ way: Save) async throws {
        let mounted = try Self.mounted()
        var saved = 0
        let seen = try Self.list(mounted.full("d")) { name in
            guard Self.names.contains(name) else { return }
            try Self.save(name, way, mounted)
            saved += 1
            if saved % 50 == 0 { _ = mounted.daemon.staging.commitNow(.unmount) }
        }
        let own = seen.filter { Self.names.contains($0.key) }
        #expect(own.count == Self.count)
        #expect(own.filter { $0.value != 1 } == [:])
        #expect(seen.values.reduce(0, +) < 3 * Self.count)
        #expect(try Set(mounted.list("d")).isSuperset(of: Self.names))
        #expect(try mounted.read("d/\(Self.count - 1).md") == "new")
        _ = mounted.daemon.staging.commitNow(.unmount)
        #expect(try Set(mounted.list("d")).isSuperset(of: Self.names))
        try await Self.expectSound(mounted)
    }

    // But for a backup that stays: that one is the file that was to come.
    @Test(
        "shows each file once where those to come are saved",
        arguments: Save.allCases.filter { $0 != .backupThatStays }
    )
    func savedAhead(_ way: Save) async throws {
        let mounted = try Self.mounted()
        var isFirst = true
        let seen = try Self.list(mounted.full("d")) { first in
            guard isFirst else { return }
            isFirst = false
            // The last ones, which no piece has shown yet, are not committed.
            for number in 0..<Self.count where "\(number).md" != first {
                try Self.save("\(number).md", way, mounted)
                if number % 40 == 0 { _ = mounted.daemon.staging.commitNow(.unmount) }
            }
        }
        #expect(Self.names.subtracting(seen.keys) == [])
        #expect(seen.filter { $0.value != 1 } == [:])
        try await Self.expectSound(mounted)
    }

    /// What a program makes for each name that it is shown.
    enum Addition: CaseIterable {
        case file, memory, directory, toolsFile
    }

    @Test("ends for a program that makes something for each name", arguments: Addition.allCases)
    func addedMeanwhile(_ addition: Addition) throws {
        let mounted = try Self.mounted()
        for number in 0..<5 { try mounted.write("few/\(number).md", "old") }
        for directory in ["d", "few"] {
            let before = try Set(mounted.list(directory))
            let seen = try Self.list(mounted.full(directory)) { name in
                let new = "\(directory)/\(name)+"
                switch addition {
                case .file: try mounted.write(new, "new")
                case .memory:
                    try mounted.write(new, "new")
                    _ = mounted.daemon.staging.commitNow(.unmount)
                case .directory: try mounted.makeDirectory(new)
                case .toolsFile: try mounted.write("\(directory)/.\(name)", "new")
                }
            }
            #expect(Set(seen.keys) == before)
            #expect(seen.filter { $0.value != 1 } == [:])
            #expect(try mounted.list(directory).count == 2 * before.count)
        }
    }

    @Test("shows each file once while another mount saves all of them")
    func savedElsewhere() throws {
        let mounted = try Self.mounted()
        let other = try MountedTenant(beside: mounted)
        var isFirst = true
        let seen = try Self.list(mounted.full("d")) { _ in
            guard isFirst else { return }
            isFirst = false
            for name in Self.names { try other.save("d/\(name)", "new") }
            _ = other.daemon.staging.commitNow(.unmount)
            let isSeen = try mounted.eventually {
                try Self.names.allSatisfy { try mounted.read("d/\($0)") == "new" }
            }
            #expect(isSeen != nil)
        }
        #expect(seen.filter { Self.names.contains($0.key) }.count == Self.count)
        #expect(seen.filter { $0.value != 1 } == [:])
    }

    @Test("shows a file that was saved and is renamed meanwhile under one of its names")
    func renamedMeanwhile() async throws {
        let mounted = try Self.mounted()
        for name in Self.names { try mounted.save("d/\(name)", "new") }
        _ = mounted.daemon.staging.commitNow(.unmount)
        let seen = try Self.list(mounted.full("d")) { name in
            if Self.names.contains(name) { try mounted.rename("d/\(name)", "d/\(name).done") }
        }
        #expect(seen.filter { !Self.names.contains($0.key) } == [:])
        #expect(seen.count == Self.count)
        try await Self.expectSound(mounted)
    }

    @Test("shows both names once while two files change places")
    func exchangedMeanwhile() async throws {
        let mounted = try Self.mounted()
        var isFirst = true
        let seen = try Self.list(mounted.full("d")) { name in
            guard isFirst else { return }
            isFirst = false
            let last = name == "\(Self.count - 1).md" ? "0.md" : "\(Self.count - 1).md"
            try mounted.rename("d/\(name)", "d/\(last)", .exchange)
        }
        #expect(Set(seen.keys) == Self.names)
        #expect(seen.filter { $0.value != 1 } == [:])
        try await Self.expectSound(mounted)
    }

    @Test("shows a file that was renamed and made anew, and the other one, while they are born")
    func splitMeanwhile() async throws {
        let mounted = try Self.mounted("quiet=10s")
        let last = "\(Self.count - 1).md"
        try Self.save(last, .backupThatStays, mounted)
        var isFirst = true
        let seen = try Self.list(mounted.full("d")) { _ in
            if isFirst { _ = mounted.daemon.staging.commitNow(.unmount) }
            isFirst = false
        }
        #expect(Set(seen.keys) == Self.names.union(["\(last).bak"]))
        #expect(seen.filter { $0.value != 1 } == [:])
        try await Self.expectSound(mounted)
    }

    @Test("shows all names once while files that were renamed, and made anew, are born")
    func bornMeanwhile() async throws {
        let mounted = try Self.mounted()
        let rotated = (0..<25).map { "\(200 + $0).md" }
        for name in rotated { try Self.save(name, .backupThatStays, mounted) }
        let expected = Self.names.union(rotated.map { "\($0).bak" })
        let end = SystemClock.monotonic() + 1_500_000_000
        repeat {
            let seen = try Self.list(mounted.full("d")) { _ in }
            #expect(Set(seen.keys) == expected)
            #expect(seen.filter { $0.value != 1 } == [:])
        } while SystemClock.monotonic() < end
        try await Self.expectSound(mounted)
    }

    @Test("shows both files where two were made at names that one memory had")
    func madeTwice() async throws {
        let mounted = try Self.mounted("quiet=10s")
        // Wherever a piece ends, some two files are there.
        for number in 0..<Self.count {
            let (one, other) = ("d/\(number).md", "d/\(number).other")
            try mounted.rename(one, other)
            try mounted.write(one, "new")
            try mounted.remove(other)
            try mounted.write(other, "new")
        }
        let seen = try Self.list(mounted.full("d")) { _ in }
        // One of each two moves on when it is born, and may come again then.
        #expect(seen.count == 2 * Self.count)
        try await Self.expectSound(mounted)
    }

    @Test("shows an unborn file once over which a memory is renamed")
    func renamedOverUnborn() async throws {
        let mounted = try Self.mounted("quiet=10s")
        for number in 0..<Self.count { try mounted.write("few/\(number).md", "unborn") }
        var isFirst = true
        let seen = try Self.list(mounted.full("few")) { _ in
            guard isFirst else { return }
            isFirst = false
            for name in Self.names { try mounted.rename("d/\(name)", "few/\(name)") }
        }
        #expect(seen.count == Self.count)
        #expect(seen.filter { $0.value != 1 } == [:])
        try await Self.expectSound(mounted)
    }

    @Test("shows both names once in all layouts while two files change places")
    func exchangedInLayouts() async throws {
        let mounted = try MountedTenant("user={user}")
        for number in 0..<Self.count {
            try await mounted.add("user=bob/\(number).md", "\(number)")
        }
        let layout = try mounted.addLayout("team={team}")
        let (one, other) = ("0.md", "\(Self.count - 1).md")
        let directory = try #require(
            try mounted.list(".loci/layouts/\(layout)").first { $0.hasPrefix("team=") }
        )
        var isFirst = true
        let seen = try Self.list(mounted.full(".loci/layouts/\(layout)/\(directory)")) { _ in
            guard isFirst else { return }
            isFirst = false
            try mounted.rename("user=bob/\(one)", "user=bob/\(other)", .exchange)
        }
        #expect(Set(seen.keys) == Self.names)
        #expect(seen.filter { $0.value != 1 } == [:])
        try await Self.expectSound(mounted)
    }

    @Test("is completed by the next one where somebody broke it off, and then asks for nothing")
    func brokenOff() throws {
        let mounted = try Self.mounted()
        let counts = mounted.daemon.fileSystem.requestCounts
        func listings() -> UInt64 { counts["readdir"] + counts["readdirplus"] }
        func listAll() throws {
            #expect(try Set(mounted.list("d")) == Self.names)
        }
        // By one that wants names, so that the kernel keeps what is listed.
        try listAll()
        try mounted.write("d/one-more.md", "new")
        try mounted.remove("d/one-more.md")
        let stream = unsafe opendir(mounted.full("d"))
        _ = unsafe stream.map { unsafe readdir($0) }
        unsafe _ = stream.map { unsafe closedir($0) }
        // A name comes elsewhere.
        try mounted.write("few/x.md", "new")
        _ = mounted.daemon.staging.commitNow(.unmount)
        _ = try mounted.list("few")
        try listAll()
        let before = listings()
        try listAll()
        #expect(listings() == before)
    }

    @Test("goes on with the next daemon")
    func takenOver() throws {
        let tenant = try KeptTenant()
        for number in 0..<Self.count { try tenant.write("\(number).md", "old") }
        var isFirst = true
        let seen = try Self.list(tenant.path) { _ in
            guard isFirst else { return }
            isFirst = false
            for number in 0..<Self.count {
                try tenant.write("t", "new \(number)")
                try File.workingDirectory.rename(
                    tenant.full("t"),
                    to: File.workingDirectory,
                    tenant.full("\(number).md"),
                    .replacing
                )
            }
            tenant.letGo()
            try tenant.takeOver()
        }
        #expect(seen.filter { Self.names.contains($0.key) }.count == Self.count)
        #expect(seen.filter { $0.value != 1 } == [:])
    }

    /// What `fsck` finds is nothing.
    private static func expectSound(_ mounted: MountedTenant) async throws {
        _ = mounted.daemon.staging.commitNow(.unmount)
        let findings = try await mounted.outside.check()
        #expect(findings.isEmpty, "\(findings)")
    }
}
