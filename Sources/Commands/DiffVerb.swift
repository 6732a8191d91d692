import ArgumentParser
import Loci

struct DiffVerb: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "diff",
            abstract: "Show how two revisions of a memory differ.",
            discussion: """
                Without revisions: what the last change of content did. With one: from it to the \
                current one. Revision 0 is nothing. Exit 0 where they are equal, 1 where they differ.
                """
        )
    }

    @Argument(help: "The memory.") var path: String
    @Argument(help: "From this revision.") var from: Int?
    @Argument(help: "To this revision; without it the current one.") var to: Int?
    @OptionGroup var place: StoreOptions
    @OptionGroup var speech: SpeechOptions

    func run() async throws {
        let found = try MemoryReference(path, place)
        let (memory, tenant) = (found.memory, found.tenant)
        let new = to ?? memory.revision.rawValue
        let old = try from ?? previous(of: memory, in: tenant)
        let before = try await content(old, of: memory, in: tenant)
        let after = try await content(new, of: memory, in: tenant)
        let isText = UnifiedDiff.isText(before) && UnifiedDiff.isText(after)
        var text: [UInt8] = []
        if before != after {
            let shown = memory.shownPath.description
            text = Array("--- \(shown)\trevision \(old)\n+++ \(shown)\trevision \(new)\n".utf8)
            text +=
                isText
                ? UnifiedDiff(before, after).hunks()
                : Array("Binary contents differ: \(before.count) and \(after.count) bytes\n".utf8)
        }
        try show(text, memory, old, new, isText: isText)
        if before != after { throw ExitStatus.no }
    }

    private func show(
        _ text: [UInt8],
        _ memory: Memory,
        _ old: Int,
        _ new: Int,
        isText: Bool
    ) throws(LociError) {
        guard !speech.quiet else { return }
        var output = Output()
        if speech.json {
            try output.line([
                "path": JSON(path: memory.shownPath), "id": .string(memory.id.description),
                "from": .integer(Int64(old)), "to": .integer(Int64(new)),
                "equal": .bool(text.isEmpty), "binary": .bool(!isText),
                "diff": .string(String(decoding: text, as: UTF8.self)),
            ])
        } else {
            try output.write(text)
        }
        try output.flush()
    }

    private func content(
        _ number: Int,
        of memory: Memory,
        in tenant: Tenant
    ) async throws(LociError) -> [UInt8] {
        if number == 0 { return [] }
        return try await tenant.content(of: memory.id, revision: RevisionNumber(number))
    }

    /// The revision before the current one that is kept; 0 where there is none.
    private func previous(of memory: Memory, in tenant: Tenant) throws(LociError) -> Int {
        let numbers = try tenant.revisions(of: memory.id).map(\.number.rawValue)
        return numbers.last { $0 < memory.revision.rawValue } ?? 0
    }
}
