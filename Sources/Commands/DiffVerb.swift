import ArgumentParser
import Loci

struct DiffVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "diff",
            abstract: "Show what a memory's content was before and is now; exit 1 if it differs.",
            discussion: "Without a revision or a moment: what the last change of its content did."
        )
    }

    @Argument(help: "The memory.") var path: String
    @Option(name: .long, help: ArgumentHelp("Since this revision.", valueName: "n"))
    var revision: Int?
    @Option(
        name: .long,
        help: ArgumentHelp("Up to this revision; else the current one.", valueName: "n")
    )
    var to: Int?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Since this moment: a time, a change or a snapshot.",
            valueName: "moment"
        )
    )
    var at: String?
    @OptionGroup var place: StoreOptions
    @OptionGroup var speech: SpeechOptions

    func validate() throws {
        guard revision != nil, at != nil else { return }
        throw ValidationError("Give --revision or --at, not both.")
    }

    func run() async throws {
        let found = try MemoryReference(path, place)
        let (tenant, id) = (found.tenant, found.memory.id)
        let newer = to.map { RevisionNumber($0) } ?? found.memory.revision
        let older = try older(than: newer, found)
        let before = try await tenant.content(of: id, revision: older)
        let after = try await tenant.content(of: id, revision: newer)
        guard before != after else { return }
        if !speech.quiet { try show(before, after, (older, newer), found.memory) }
        throw ExitStatus.no
    }

    /// The revision to compare with: the one that was named, or the one before.
    private func older(
        than newer: RevisionNumber,
        _ found: MemoryReference
    ) throws(LociError) -> RevisionNumber {
        if let revision { return RevisionNumber(revision) }
        if let at {
            let moment = try PastMoment(at, now: found.tenant.clock())
            return try found.tenant.memory(found.memory.id, when: moment).revision
        }
        let all = try found.tenant.revisions(of: found.memory.id)
        return all.last { $0.number < newer }?.number ?? newer
    }

    private func show(
        _ before: [UInt8],
        _ after: [UInt8],
        _ numbers: (RevisionNumber, RevisionNumber),
        _ memory: Memory
    ) throws(LociError) {
        var output = Output()
        let isText = [before, after].allSatisfy { String(validating: $0, as: UTF8.self) != nil }
        let text = isText ? LineDiff(before, after).unified() : []
        if speech.json {
            try output.line([
                "path": JSON(path: memory.shownPath), "id": .string(memory.id.description),
                "from": .integer(Int64(numbers.0.rawValue)),
                "to": .integer(Int64(numbers.1.rawValue)),
                "diff": isText ? .string(String(decoding: text, as: UTF8.self)) : .null,
            ])
        } else if isText {
            try output.line("--- \(memory.shownPath)\trevision \(numbers.0)")
            try output.line("+++ \(memory.shownPath)\trevision \(numbers.1)")
            try output.write(text)
        } else {
            try output.line("Revisions \(numbers.0) and \(numbers.1) differ; they are no text.")
        }
        try output.flush()
    }
}

extension SnapshotVerb {
    struct Diff: AsyncParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "diff",
                abstract: "List what differs between two moments; exit 1 if anything does.",
                discussion: """
                    A added, D deleted, M other content, R other attributes or name. Another layout \
                    alone is no difference.
                    """
            )
        }

        @Argument(help: "A snapshot, a time or a change.") var first: String
        @Argument(help: "The same; without it now.") var second: String?
        @OptionGroup var place: StoreOptions
        @OptionGroup var speech: SpeechOptions

        func run() async throws {
            let tenant = try StoreFinder.tenant(place)
            Mounts.askToCommit(tenant)
            let now = tenant.clock()
            let found = try tenant.differences(
                from: try PastMoment(first, now: now),
                to: try second.map { (text) throws(LociError) in try PastMoment(text, now: now) }
            )
            if !speech.quiet {
                var output = Output()
                for difference in found {
                    if speech.json {
                        try output.line(difference.json)
                    } else {
                        try output.line(difference.line)
                    }
                }
                try output.flush()
            }
            if !found.isEmpty { throw ExitStatus.no }
        }
    }
}

extension MemoryDifference {
    private var kind: String {
        if before == nil { return "A" }
        if after == nil { return "D" }
        return (hasOtherContent ? "M" : "") + (isElsewhere ? "R" : "")
    }

    /// What happened, and to which path.
    fileprivate var line: String {
        let paths = [before?.path, isElsewhere || before == nil ? after?.path : nil]
        return kind + "\t" + paths.compactMap { $0?.description }.joined(separator: "\t")
    }

    fileprivate var json: JSON {
        [
            "kind": .string(kind),
            "id": .string((after ?? before)?.id.description ?? ""),
            "before": before?.json ?? .null, "after": after?.json ?? .null,
        ]
    }
}
