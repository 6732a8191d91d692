import Loci
import Migration
import Testing

@Suite("Translating paths")
struct TranslateTests {
    static let old = "user={user}/topic={topic}"
    static let new = "topic={topic}/year={created:year}"

    private func migrated(retired: Bool = false) async throws -> Rig {
        let scratch = try Scratch()
        let tenant = try scratch.create(Self.old)
        for user in ["ann", "bob"] {
            for topic in ["db", "ui"] {
                try await tenant.add("user=\(user)/topic=\(topic)/\(user).md")
            }
        }
        let rig = Rig(scratch, tenant)
        try await rig.start(Self.new, .with { $0.onCollision = .suffix })
        try rig.migrator.cutover()
        if retired { try rig.retireAll() }
        return rig
    }

    private func translate(
        _ rig: Rig,
        _ paths: [String],
        from: Int? = nil,
        to: Int? = nil
    ) throws -> [String] {
        let translator = try PathTranslator(
            rig.tenant,
            from: from.map { LayoutNumber($0) },
            to: to.map { LayoutNumber($0) }
        )
        return try translator.translate(try paths.map { try NamePath($0) }).map {
            switch $0 {
            case .success(let path): path.description
            case .failure(let error): "\(error.code)"
            }
        }
    }

    @Test("paths of any live layout become those of the listed one, or of one that is named")
    func live() async throws {
        let rig = try await migrated()
        let paths = [
            "user=ann/topic=db/ann.md", "topic=ui/year=2025/bob.md", "user=x/topic=y/z.md",
        ]
        #expect(
            try translate(rig, paths)
                == ["topic=db/year=2025/ann.md", "topic=ui/year=2025/bob.md", "notFound"]
        )
        #expect(
            try translate(rig, paths, to: 1)
                == ["user=ann/topic=db/ann.md", "user=bob/topic=ui/bob.md", "notFound"]
        )
        #expect(
            try translate(rig, paths, from: 1)
                == ["topic=db/year=2025/ann.md", "notFound", "notFound"]
        )
        #expect(try translate(rig, ["user=ann/topic=db"]) == ["isADirectory"])
    }

    @Test("a layout that never was, and one that has no paths, are refused")
    func layouts() async throws {
        let rig = try await migrated(retired: true)
        #expect(await code { _ = try translate(rig, [], from: 9) } == .notFound)
        #expect(await code { _ = try translate(rig, [], to: 9) } == .notFound)
        #expect(await code { _ = try translate(rig, [], to: 1) } == .wrongState)
    }

    @Test("old paths are translated after their layout was retired and its names were cleared")
    func retired() async throws {
        let rig = try await migrated(retired: true)
        let path = "user=ann/topic=db/ann.md"
        #expect(try translate(rig, [path]) == ["topic=db/year=2025/ann.md"])
        try await rig.settle()
        #expect(try translate(rig, [path]) == ["topic=db/year=2025/ann.md"])
        #expect(try translate(rig, [path], from: 1) == ["topic=db/year=2025/ann.md"])
        #expect(try translate(rig, ["topic=db/year=2025/ann.md"], from: 1) == ["pathDoesNotFit"])
    }

    @Test("an old path finds a memory that came after the retirement, by its attributes and name")
    func later() async throws {
        let rig = try await migrated(retired: true)
        try await rig.settle()
        _ = try await rig.tenant.append(
            [1],
            name: try Name("eve.md"),
            attributes: ["user": "eve", "topic": "db"],
            origin: Scratch.origin
        )
        #expect(
            try translate(rig, ["user=eve/topic=db/eve.md", "user=eve/topic=ui/eve.md"])
                == ["topic=db/year=2025/eve.md", "notFound"]
        )
    }

    @Test("where two could be meant it says so, but for the one that had the path")
    func ambiguous() async throws {
        let rig = try await migrated(retired: true)
        try await rig.settle()
        let path = try NamePath("user=ann/topic=db/ann.md")
        let before = try translate(rig, [path.description])
        for _ in 0..<2 {
            for name in ["ann.md", "two.md"] {
                _ = try await rig.tenant.append(
                    [1],
                    name: try Name(name),
                    attributes: ["user": "ann", "topic": "db"],
                    created: rig.scratch.clock.time
                        - .seconds(86_400 * 400 * (name == "two.md" ? 2 : 1)),
                    origin: Scratch.origin
                )
                rig.scratch.clock.advance(.seconds(86_400 * 400))
            }
        }
        #expect(try translate(rig, [path.description]) == before)
        #expect(try translate(rig, ["user=ann/topic=db/two.md"]) == ["collision"])
    }

    @Test("an old path leads to where its memory moved since, and says when it is in the trash")
    func moved() async throws {
        let rig = try await migrated(retired: true)
        try await rig.settle()
        let ann = try rig.tenant.memory(at: try NamePath("topic=db/year=2025/ann.md"))
        _ = try await rig.tenant.set(ann.id, attributes: ["topic": "os"], origin: Scratch.origin)
        let path = "user=ann/topic=db/ann.md"
        #expect(try translate(rig, [path]) == ["topic=os/year=2025/ann.md"])
        try await rig.tenant.delete(ann.id, origin: Scratch.origin)
        let answer = try PathTranslator(rig.tenant).translate([try NamePath(path)])
        let error = #expect(throws: LociError.self) { try answer[0].get() }
        #expect(error?.remedy?.contains("loci restore") == true)
    }

    @Test("paths of a layout apart are told by its number")
    func apart() async throws {
        let scratch = try Scratch()
        let tenant = try scratch.create("{user}/{topic}")
        try await tenant.add("ann/db/n.md")
        let rig = Rig(scratch, tenant)
        try await rig.start("{topic}/{user}", .with { $0.apart = true })
        #expect(try translate(rig, ["db/ann/n.md"], from: 2) == ["ann/db/n.md"])
        #expect(try translate(rig, ["ann/db/n.md"], from: 1, to: 2) == ["db/ann/n.md"])
        #expect(try translate(rig, ["ann/db/n.md"], from: 2) == ["notFound"])
    }
}

extension Rig {
    /// Retires every layout that is not listed.
    func retireAll() throws {
        for layout in try tenant.layouts() where layout.status == .live && !layout.isListed {
            try migrator.retire(layout.number)
        }
    }
}
