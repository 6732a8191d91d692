import ArgumentParser
import Loci

struct SnapshotDiff: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "diff",
            abstract: "Show which memories differ between a snapshot and another one, or now.",
            discussion: """
                A: added. D: deleted. M: other content. R: another path. T: other attributes only. \
                Exit 0 where nothing differs, 1 where something does.
                """
        )
    }

    @Argument(help: "A snapshot.") var first: String
    @Argument(help: "Another snapshot, or now.") var second = "now"
    @OptionGroup var place: StoreOptions
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        let tenant = try StoreFinder.tenant(place)
        let other = second == "now" ? nil : second
        if other == nil { Mounts.askToCommit(tenant) }
        var output = Output()
        var isEqual = true
        var cursor: ListCursor?
        repeat {
            let page = try tenant.differences(from: first, to: other, after: cursor)
            if !page.differences.isEmpty { isEqual = false }
            for difference in page.differences where !speech.quiet {
                if speech.json {
                    try output.line(difference.json)
                } else {
                    try output.line(difference.line)
                }
            }
            cursor = page.next
        } while cursor != nil
        try output.flush()
        if !isEqual { throw ExitStatus.no }
    }
}

extension MemoryDifference {
    private var letters: String {
        switch (before, after) {
        case (nil, _): return "A"
        case (_, nil): return "D"
        case (let before, let after):
            let letters = (before == after ? "" : "R") + (isContentChanged ? "M" : "")
            return letters.isEmpty ? "T" : letters
        }
    }

    fileprivate var line: String {
        let paths = before == after ? [after] : [before, after]
        return ([letters] + paths.compactMap { $0.map { Name.printable($0.description) } })
            .joined(separator: "\t")
    }

    fileprivate var json: JSON {
        [
            "id": .string(memory.description), "change": .string(letters),
            "before": before.map { JSON(path: $0) } ?? .null,
            "after": after.map { JSON(path: $0) } ?? .null,
            "oldRevision": oldRevision.map { .integer(Int64($0.rawValue)) } ?? .null,
            "newRevision": newRevision.map { .integer(Int64($0.rawValue)) } ?? .null,
            "content": .bool(isContentChanged), "attributes": .bool(areAttributesChanged),
        ]
    }
}
