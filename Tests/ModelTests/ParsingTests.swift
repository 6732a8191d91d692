import Testing

@testable import Model

@Suite("directories are read strictly")
struct ParsingTests {
    @Test(
        "what render never makes is refused, and the canonical form named",
        arguments: [
            ("{t}", "%41x", "Write 'Ax'. For the text '%41x' as it stands, write '%2541x'."),
            ("{t}", "a%2fb", "Write 'a%2Fb'. For the text 'a%2fb' as it stands, write 'a%252fb'."),
            ("t={t}", "t=a\u{1}", "Write 't=a%01'."),
            ("t={t}", "t=.x", "Write 't=%2Ex'."),
            ("{f...}", "_", "Write '%5F'."),
            ("{f...}", "a/.b", "Write '%2Eb'."),
            ("{t:lower}", "Bob", "Write 'bob'."),
            ("{t:first(1)}", "bob", "Write 'b'."),
            ("t={t}", "u=x", "Write a directory that begins with 't='."),
            ("lit/{t}", "lid/x", "Write 'lit'."),
            ("{created:year}", "24", "Write it like '2024'."),
            ("y={created:year}", "y=02024", "Write it like 'y=2024'."),
            ("{created:year}/{created:month}", "2024/13", "Write it like '02'."),
            ("{created:year}/{created:month}/{created:day}", "2023/02/29", "Write it like '29'."),
            ("{created:year}", "_", "Write it like '2024'."),
            ("{id:hash(64)}", "64", "Write a number of 2 digits from 00 to 63."),
            ("{id:hash(64)}", "7", "Write a number of 2 digits from 00 to 63."),
            (
                "{created}/{created:year}", "2024-01-01T00:00:00Z/2023",
                "All parts of a date must name the same time."
            ),
            (
                "{t:first(1)}/{t}", "a/bob",
                "All directories that show 't' must show the same value."
            ),
            (
                "{t:first(1)}/{t}", "_/bob",
                "All directories that show 't' must show the same value."
            ),
            (
                "{t:first(1)}/{t:first(2)}", "a/bc",
                "All directories that show 't' must show the same value."
            ),
            ("{t}", "a/b", "Paths here follow {t}, and then the name."),
            ("{t}/{u}", "a", "Go on with {u} before the name."),
        ]
    )
    func refused(scheme: String, path: String, remedy: String) throws {
        let error = failure { _ = try Scheme(scheme).parse(names(path), now: Sample.now) }
        #expect(error?.code == .pathDoesNotFit)
        #expect(error?.remedy == remedy)
    }

    @Test("a directory that is not UTF-8 is refused where it would be a value")
    func notUTF8() throws {
        let name = try Name(validating: [0x61, 0xFF])
        for scheme in ["{t}", "{t...}", "{t:lower}"] {
            let error = failure { _ = try Scheme(scheme).parse([name], now: Sample.now) }
            #expect(error?.code == .notUTF8)
        }
        let escaped = failure { _ = try Scheme("{t}").parse(names("%FFx"), now: Sample.now) }
        #expect(escaped?.code == .notUTF8)
    }

    @Test("a time that is still to come is refused, the present is not")
    func future() throws {
        let scheme = try Scheme("{created:year}/{created:month}")
        let now = try Timestamp("2026-11-23T12:00:00Z")
        #expect(failure { _ = try scheme.parse(names("2027/01"), now: now) }?.code == .futureDate)
        #expect(failure { _ = try scheme.parse(names("2026/12"), now: now) }?.code == .futureDate)
        #expect(
            failure { _ = try scheme.parsePrefix(names("2027"), now: now) }?.code == .futureDate
        )
        let present = try scheme.parse(names("2026/11"), now: now)
        #expect(try Scheme.resolve(present, now: now, generateID: id).created == now)
    }

    @Test("a past range sets its start, or the file's time where that lies inside")
    func past() throws {
        let scheme = try Scheme("year={created:year}")
        let parsed = try scheme.parse(names("year=2019"), now: Sample.now)
        let start = try Timestamp("2019-01-01")
        let inside = try Timestamp("2019-06-05T04:03:02.5Z")
        let outside = try Timestamp("2020-01-01")
        let now = Sample.now
        #expect(try Scheme.resolve(parsed, now: now, generateID: id).created == start)
        #expect(
            try Scheme.resolve(parsed, now: now, mtime: inside, generateID: id).created == inside
        )
        #expect(
            try Scheme.resolve(parsed, now: now, mtime: outside, generateID: id).created == start
        )
    }

    @Test("an id is drawn until it fits the bucket")
    func drawnID() throws {
        let scheme = try Scheme("{id:hash(256)}")
        var generator = SplitMix64(seed: 7)
        let parsed = try scheme.parse(names("200"), now: Sample.now)
        let fields = try Scheme.resolve(parsed, now: Sample.now) {
            MemoryID(time: Sample.now, using: &generator)
        }
        #expect(fields.id.bucket(of: 256) == 200)
        let stuck = failure { _ = try Scheme.resolve(parsed, now: Sample.now, generateID: id) }
        #expect(stuck?.code == .unsupported)
    }

    @Test("a prefix of a path says what may follow")
    func prefixes() throws {
        let fixed = try Scheme("a={a}/{b}")
        #expect(try !fixed.parsePrefix([], now: Sample.now).isComplete)
        #expect(try fixed.parsePrefix(names("a=1"), now: Sample.now).mayHaveSubdirectories)
        let whole = try fixed.parsePrefix(names("a=1/2"), now: Sample.now)
        #expect(whole.isComplete && !whole.mayHaveSubdirectories)
        let open = try Scheme("a={a}/{f...}").parsePrefix(names("a=1"), now: Sample.now)
        #expect(open.isComplete && open.mayHaveSubdirectories)
        #expect(try Scheme.folders.parsePrefix([], now: Sample.now).isComplete)
    }

    @Test("another tree's directories are values as they stand, and export writes them back")
    func verbatim() throws {
        let scheme = try Scheme("{section}/s={s}/{folder...}")
        for path in ["%41/s=%2F/_/user=bob/a b/%FF", "_/s=/x", "a/s=_", "%FF/s=%5F/\u{1}"] {
            let directories = try names(path)
            let parsed = try scheme.parse(directories, now: Sample.now, spelling: .verbatim)
            let fields = try Scheme.resolve(parsed, now: Sample.now, generateID: id)
            #expect(try scheme.exportDirectories(fields) == directories)
            let mounted = try scheme.render(fields)
            #expect(try scheme.parse(mounted, now: Sample.now) == parsed)
        }
        let unsafe = try memory(["section": "_", "s": ".git", "folder": "../a\0"])
        #expect(try scheme.exportDirectories(unsafe) == names("%5F/s=%2Egit/%2E./a%00"))
    }

    @Test("fields that only transforms show take the segments' text")
    func transformsOnly() throws {
        let scheme = try Scheme("{u:lower}/{t:first(2)}/{u:first(1)}")
        let parsed = try scheme.parse(names("bob/ab/B"), now: Sample.now)
        let fields = try Scheme.resolve(parsed, now: Sample.now, generateID: id)
        #expect(fields.attributes == ["u": "Bob", "t": "ab"])
    }

    private func id() -> MemoryID {
        var generator = SplitMix64(seed: 3)
        return MemoryID(time: Sample.now, using: &generator)
    }
}

@Suite("moving within a scheme")
struct MovingTests {
    @Test("only the fields whose directories changed are set or cleared")
    func changed() throws {
        let scheme = try Scheme("user={user}/topic={topic}/{folder...}")
        let fields = try memory(["user": "bob", "topic": "auth", "folder": "x/y"])
        let old = try scheme.render(fields)
        func changes(_ path: String) throws -> [AttributeChange] {
            try scheme.changes(from: old, to: names(path), existing: fields)
        }
        #expect(try changes("user=bob/topic=auth/x/y") == [])
        #expect(
            try changes("user=ann/topic=auth/x/y") == [AttributeChange(key: "user", value: "ann")]
        )
        #expect(
            try changes("user=_/topic=auth") == [
                AttributeChange(key: "user", value: nil),
                AttributeChange(key: "folder", value: nil),
            ]
        )
        #expect(failure { _ = try changes("user=bob") }?.code == .pathDoesNotFit)
    }

    @Test("a value stays where a transform shows it the same")
    func kept() throws {
        let scheme = try Scheme("{user:lower}/{topic:first(1)}")
        let fields = try memory(["user": "Bob", "topic": "auth"])
        let old = try scheme.render(fields)
        let moved = try scheme.changes(from: old, to: names("bob/b"), existing: fields)
        #expect(moved == [AttributeChange(key: "topic", value: "b")])
        let elsewhere = try scheme.changes(from: names("ann/b"), to: old, existing: fields)
        #expect(elsewhere == [])
    }

    @Test("a directory that contradicts a field that stays is refused")
    func contradiction() throws {
        let scheme = try Scheme("{topic:first(1)}/{topic}")
        let fields = try memory(["topic": "auth"])
        let error = failure {
            _ = try scheme.changes(from: names("a/auth"), to: names("b/auth"), existing: fields)
        }
        #expect(error?.code == .pathDoesNotFit)
    }

    @Test("created and id never change", arguments: ["{created:year}", "{id:hash(16)}", "{id}"])
    func immutable(segment: String) throws {
        let scheme = try Scheme("\(segment)/{t}")
        var fields = try memory(["t": "x"])
        let old = try scheme.render(fields)
        fields.id = try MemoryID("01ARZ3NDEKTSV4RRFFQ69G5FA0")
        fields.created = try Timestamp("2019-01-01")
        let new = try scheme.render(fields)
        let error = failure { _ = try scheme.changes(from: old, to: new, existing: fields) }
        #expect(error?.code == .immutableField)
        let stays = [old[0], try Name("y")]
        let changes = try scheme.changes(from: old, to: stays, existing: fields)
        #expect(changes == [AttributeChange(key: "t", value: "y")])
    }
}
