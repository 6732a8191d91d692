import Model
import Testing

@testable import Commands

@Suite("Words and numbers")
struct WordsTests {
    @Test("arguments that are not UTF-8 come back byte for byte")
    func keepsBytes() {
        for bytes in [[0x61, 0xFF, 0xC3, 0xA9], [0xC3], Array("plain é".utf8), [0x80, 0x81]]
            as [[UInt8]]
        {
            #expect(RawArguments.bytes(RawArguments.text(bytes)) == bytes)
        }
    }

    @Test("numbers are grouped, shares have one decimal")
    func groups() {
        #expect(Grouped.text(128_402) == "128,402")
        #expect(Grouped.text(-1000) == "-1,000")
        #expect(Grouped.text(12) == "12")
        #expect(Grouped.percent(64_120, of: 128_402) == "49.9%")
        #expect(Grouped.percent(0, of: 0) == "100.0%")
    }

    @Test("progress tells done, total, share, rate and the time that is left")
    func showsProgress() {
        #expect(
            ProgressLine.text("moving", 50, 200, 75)
                == "moving  50/200  25.0%  75/s  ETA 2s"
        )
        #expect(ProgressLine.text("importing", 1500, nil, 10) == "importing  1,500  10/s")
    }

    @Test(
        "patterns match whole names",
        arguments: [
            ("*.md", "a.md", true), ("*.md", "a.mdx", false), ("team-*", "team-", true),
            ("a?c", "abc", true), ("*a*b", "xaxbxb", true), ("", "", true), ("", "a", false),
        ]
    )
    func globs(_ pattern: String, _ text: String, _ fits: Bool) {
        #expect(Glob.matches(pattern, text) == fits)
    }

    @Test("tables are aligned with a header for people, bare with tabs for pipes")
    func aligns() {
        var table = Table("NAME", "SIZE")
        table.append("a", "100")
        table.append("long name", "2")
        #expect(
            table.lines(aligned: true, color: false)
                == ["NAME       SIZE", "a          100", "long name  2"]
        )
        #expect(table.lines(aligned: false, color: false) == ["a\t100", "long name\t2"])
    }

    @Test("every failure has an exit status that is not success")
    func mapsFailures() {
        for code in LociError.Code.allCases {
            #expect(![0, 1].contains(ExitStatus(code).rawValue))
        }
        #expect(ExitStatus(.oldPathsInUse).rawValue == 6)
        #expect(ExitStatus(.formatTooNew).rawValue == 10)
        #expect(ExitStatus(.readOnly).rawValue == 8)
        #expect(ExitStatus(.notPermitted).rawValue == 5)
    }

    @Test("a failure is a sentence and its remedy, and reads back from its JSON")
    func tellsFailures() throws {
        let error = LociError(
            .busy,
            subject: "x",
            message: "'x' is busy",
            remedy: "Wait a moment",
            systemError: 16
        )
        #expect(Failure.sentence(error) == "'x' is busy. Wait a moment.")
        let back = try #require(Failure.error(Failure.json(error)))
        #expect(back.code == .busy)
        #expect(back.systemError == 16)
    }
}
