import Linux
import TestSupport
import Testing

/// What Tools/bench measures with, and what it makes of the figures.
@Suite("Tools/bench")
struct BenchTests {
    private let tenant: MountedStore

    init() throws { tenant = try MountedStore(mounted: false) }

    /// Results of two subjects and two peers, with one figure for each row of `values`.
    private func write(_ rows: [(state: String, work: String, values: String)]) throws {
        let series = rows.map { row in
            #"{"pass":"pinned","state":"\#(row.state)","work":"\#(row.work)","files":100,"#
                + #""values":{\#(row.values)}}"#
        }
        let subjects = #"{"ext4":"the disk","Loci":"","one":"","a<b>&\"c\"":""}"#
        let json =
            #"{"format":1,"mount":{"facts":{},"notes":[],"subjects":\#(subjects),"#
            + #""series":[\#(series.joined(separator: ","))]}}"#
        let file = try File.open(tenant.work + "/r.json", [.writeOnly, .create, .truncate])
        try file.write(Array(json.utf8))
    }

    /// The cells of the one line of the table that begins so.
    private func cells(_ label: String) throws -> [String] {
        let lines = try tenant.must("Bench table \"$W/r.json\"").lines
        let line = try #require(lines.first { $0.hasPrefix("| \(label) ") }, "\(lines)")
        return line.split(separator: "|").map { String($0).trimmed.trimmedAtStart }
    }

    @Test("a row has medians, half of what lies between the extremes, and ratios to the fastest")
    func rows() throws {
        try write([
            ("warm", "find", #""ext4":[4,1,2],"Loci":[1,3],"one":[8],"a<b>&\"c\"":[4]"#)
        ])
        #expect(
            try cells("warm: find, 100 files") == [
                "warm: find, 100 files", "2.00 s ±75%", "2.00 s ±50%", "8.00 s ±0%", "4.00 s ±0%",
                "1.00", "0.50 a<b>&\"c\"",
            ]
        )
    }

    @Test("a goal is met up to its limit, missed above it, and not measured without figures")
    func goals() throws {
        try write([
            ("warm", "find", #""ext4":[100],"Loci":[115]"#),
            ("warm", "tar", #""ext4":[100],"Loci":[116]"#),
            ("fresh mount", "find", #""Loci":[7],"one":[10],"a<b>&\"c\"":[20]"#),
            ("write", "create+write+close", #""Loci":[8],"one":[20],"a<b>&\"c\"":[10]"#),
        ])
        #expect(try cells("warm find / disk").suffix(2) == ["1.15", "1.15 met"])
        #expect(try cells("warm tar / disk").suffix(2) == ["1.15", "1.16 missed"])
        #expect(try cells("fresh mount: find / best peer").last == "0.70 met")
        #expect(try cells("create+write+close, not synced / best peer").last == "0.80 missed")
        #expect(try cells("warm rg / disk").last == "not measured")
        #expect(
            try cells("resident after a full walk of most memories").suffix(2)
                == ["100 MiB", "not measured"]
        )
    }

    @Test("a chart is well-formed XML with every name as it is, and a bar for each figure")
    func charts() throws {
        try write([
            ("warm", "find", #""ext4":[1],"Loci":[1],"one":[99],"a<b>&\"c\"":[2]"#)
        ])
        let outcome = try tenant.must(
            """
            cd "$W"; Bench charts r.json --out made/charts
            python3 - made/charts/warm-pinned.svg <<'END'
            import sys, xml.etree.ElementTree as tree
            root = tree.parse(sys.argv[1]).getroot()
            space = "{http://www.w3.org/2000/svg}"
            print(len(root.findall(space + "rect")))
            for text in root.findall(space + "text"):
                print(text.text)
            END
            """
        )
        #expect(outcome.lines.prefix(2) == ["made/charts/warm-pinned.svg", "4"])
        #expect(outcome.lines.contains("a<b>&\"c\""))
        // Longer than there is room for: cut, and marked so.
        #expect(outcome.lines.contains("» 99.0 s"))
    }

    @Test("a file that is not there, or not of its making, is refused with what makes one")
    func badFiles() throws {
        let absent = try tenant.shell("Bench table \"$W/none.json\"")
        #expect(absent.status == 1)
        #expect(absent.errors.contains("Tools/bench mount --json FILE makes it"))
        let other = try tenant.shell("echo '{}' >\"$W/o.json\"; Bench table \"$W/o.json\"")
        #expect(other.status == 1)
        #expect(other.errors.contains("its format is not 1"))
    }

    @Test("a small run measures every row on the disk and on Loci, and leaves nothing mounted")
    func smallRun() throws {
        let outcome = try tenant.must(
            """
            mkdir "$W/m"
            Bench mount --work "$W/m" --loci "$(command -v loci)" --json "$W/r.json" --files 100 \
                --rounds 1 --operations 5 --large 5000 --peers none --passes unpinned --cold no \
                2>"$W/progress" || { cat "$W/progress" >&2; exit 1; }
            grep -c "$W/m" /proc/mounts || true
            """
        )
        #expect(outcome.lines.last == "0")
        let lines = outcome.lines
        for work in [
            "warm: tar, 100 files", "warm: find, 10 files", "write: atomic save", "write: delete",
            "fresh mount: grep -r, 100 files", "warm: sequential read",
        ] {
            let line = try #require(lines.first { $0.hasPrefix("| \(work) ") }, "\(outcome.output)")
            // Of the disk and of Loci; no peers took part.
            #expect(line.split(separator: "|")[1...2].allSatisfy { $0.contains("±") }, "\(line)")
        }
        #expect(lines.contains("- Nothing was measured cold: --cold no."))
    }
}

extension String {
    fileprivate var trimmedAtStart: String { String(drop { $0.isWhitespace }) }
}
