import Testing

@testable import Model

private let literalRemedy =
    "Use text without control characters, without a dot in front and without %XX, and not '_'."

@Suite("the grammar of schemes")
struct SchemeTests {
    @Test("a scheme's text reads back to the same scheme", arguments: 0..<10)
    func roundTrip(seed: Int) throws {
        var generator = SplitMix64(seed: UInt64(seed))
        for _ in 0..<200 {
            let scheme = Sample.scheme(&generator)
            let again = try Scheme(scheme.text)
            #expect(again == scheme && again.segments == scheme.segments, "seed \(seed): \(scheme)")
        }
    }

    @Test(
        "a malformed scheme is refused with its place and what to write",
        arguments: [
            ("", 1, "Write key={field}, {field} or a plain name between slashes."),
            ("a/", 3, "Write key={field}, {field} or a plain name between slashes."),
            ("{user", 1, "Write }."),
            ("user}", 1, "Write {."),
            ("{user}x", 7, "A segment holds one field: key={field} or {field}."),
            (
                "user={}", 7,
                "A field begins with a letter and has letters, digits, '_', '.' and '-'."
            ),
            ("user=", 6, "Write user={user}."),
            ("{name}", 2, "Leave it out: the name is always the last component of a path."),
            ("{folder...}/{user}", 1, "Put it at the end: it holds all directories that are left."),
            ("{id...}", 2, "Use an attribute."),
            ("f={folder...}", 4, "Write {folder...} alone: it makes any number of directories."),
            (
                "{user}/u={user}", 8,
                "Name each field once; a transform such as {field:lower} may stand beside it."
            ),
            (
                "{f:first(1)}/{f...}", 14,
                "Leave the transform out, or write '{f}' in place of '{f...}'."
            ),
            ("{created:month}", 1, "Put {created:year} in front of it."),
            ("{created:yaer}", 10, "Use :year, :month, :day, or none. Did you mean 'year'?"),
            ("{user:lowr}", 7, "Use :lower, :first(1), or none. Did you mean 'lower'?"),
            (
                "{creatd:year}", 9,
                "Use :lower, :first(1) with 'creatd', or none. Did you mean 'created'?"
            ),
            ("{user:first(0)}", 7, "Write first(n) with n from 1 to 255."),
            ("{id:hash(1)}", 5, "Write hash(n) with n from 2 to 65536."),
            ("{id:hash(064)}", 5, "Write hash(n) with n from 2 to 65536."),
            (
                "_/{a}", 1,
                literalRemedy
            ),
            (
                ".x/{a}", 1,
                literalRemedy
            ),
        ]
    )
    func malformed(text: String, position: Int, remedy: String) {
        let error = failure { _ = try Scheme(text) }
        #expect(error?.code == .malformedScheme)
        #expect(error?.message.contains("at character \(position),") == true, "\(error as Any)")
        #expect(error?.remedy == remedy)
    }

    @Test("the sentence names the scheme, the place and what is wrong")
    func sentence() {
        let error = failure { _ = try Scheme("user={user}/{topic:frist(1)}") }
        #expect(
            error?.description == """
                The scheme 'user={user}/{topic:frist(1)}' cannot be read: at character 20, \
                ':frist(1)' is no transform of 'topic'. Use :lower, :first(1), or none. \
                Did you mean 'first(1)'?
                """
        )
    }

    @Test("a scheme tells which attributes its paths carry whole")
    func attributes() throws {
        let scheme = try Scheme("lit/{t:first(1)}/topic={t}/{user:lower}/{created:year}/{f...}")
        #expect(scheme.attributes == ["t", "user", "f"])
        #expect(scheme.partialAttributes == ["user"])
        #expect(try Scheme("{t}").attributesHidden(from: scheme) == ["f"])
        #expect(scheme.fixedDepth == 5)
    }
}

@Suite("two live layouts never dispute a path")
struct DisputeTests {
    @Test("schemes that do not dispute never give one path to two memories", arguments: 0..<20)
    func truth(seed: Int) throws {
        var generator = SplitMix64(seed: UInt64(seed))
        var checked = 0
        for _ in 0..<400 {
            let (a, b) = (Sample.scheme(&generator), Sample.scheme(&generator))
            #expect((a.disputes(with: b) == nil) == (b.disputes(with: a) == nil), "\(a) \(b)")
            guard a.disputes(with: b) == nil else { continue }
            for _ in 0..<10 {
                let one = Sample.fields(["a", "b", "f"], &generator)
                let two = Sample.fields(["a", "b", "f"], &generator)
                let name = try Name(generator.pick(["k=x", "lit", "a", "b=b", "n.md", "y=2019"]))
                let (p, q) = (try a.render(one), try b.render(two))
                let isBroken =
                    b.claim(over: a)?.isBroken(by: p, name: name) == true
                    || a.claim(over: b)?.isBroken(by: q, name: name) == true
                guard !isBroken else { continue }
                checked += 1
                let (x, y) = (p + [name], q + [name])
                let isClash = x.starts(with: y) || y.starts(with: x)
                #expect(!isClash, "seed \(seed): \(a) \(x), \(b) \(y)")
            }
        }
        #expect(checked > 100)
    }

    @Test(
        "schemes that could give one name to both are refused, and a key is proposed",
        arguments: [
            ("{topic}/{user}", "{user}/{topic}", "topic={topic}/{user}"),
            ("{folder...}", "{user}", "--apart"),
            ("a={a}/{b}", "a={a}", "a={a}/b={b}"),
            ("y={year}", "y={created:year}", "--apart"),
            ("{created:year}/{a}", "{a}", "created={created:year}/{a}"),
            ("user=bob/{a}", "user={user}", "--apart"),
            ("{a}", "{a}", "cutover"),
        ]
    )
    func disputed(new: String, live: String, remedy: String) throws {
        let dispute = try Scheme(new).disputes(with: Scheme(live))
        #expect(dispute?.remedy.contains(remedy) == true, "\(dispute as Any)")
    }

    @Test("the sentence names both schemes and where they part")
    func sentence() throws {
        let scheme = try Scheme("a={a}/{b}")
        let dispute = try #require(try scheme.disputes(with: Scheme("a={a}")))
        #expect(
            dispute.error(for: scheme).description == """
                The schemes 'a={a}/{b}' and 'a={a}' dispute a path: below a={a}, one name could \
                be {b} of the one or a file of the other. Write 'a={a}/b={b}', or use --apart, \
                which keeps each layout whole under .loci/layouts/.
                """
        )
    }

    @Test(
        "schemes that differ by key or literal where they part share a tree",
        arguments: [
            ("user={user}/topic={topic}", "topic={topic}/user={user}", 0),
            ("{folder...}", "topic={topic}/{folder...}", 0),
            ("a={a}/{b}", "a={a}/c={c}", 1),
            ("a={a}", "a={a}/b={b}", 1),
            ("lit/{a}", "{a}/{b}", 0),
            ("section={s}/package={p}/{f...}", "package={p}/year={created:year}/{f...}", 0),
        ]
    )
    func undisputed(one: String, other: String, shared: Int) throws {
        let (a, b) = (try Scheme(one), try Scheme(other))
        #expect(a.disputes(with: b) == nil)
        #expect(a.sharedDepth(with: b) == shared)
    }

    @Test("a key claims its names against a field without one, files included")
    func claims() throws {
        let (folders, keyed) = (Scheme.folders, try Scheme("topic={topic}"))
        let claim = try #require(keyed.claim(over: folders))
        #expect(folders.claim(over: keyed) == nil)
        #expect(claim.isBroken(by: try names("topic=x/y"), name: try Name("n")))
        #expect(claim.isBroken(by: [], name: try Name("topic=x")))
        #expect(!claim.isBroken(by: try names("a/topic=x"), name: try Name("n")))
        #expect(keyed.standing(of: try Name("topic=x"), atDepth: 0) == .claims)
        #expect(keyed.standing(of: try Name("x"), atDepth: 0) == .refuses)
        #expect(keyed.standing(of: try Name("x"), atDepth: 1) == .refuses)
        #expect(folders.standing(of: try Name("x"), atDepth: 9) == .mayHold)
    }
}
