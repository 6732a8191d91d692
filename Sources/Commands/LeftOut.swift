import Loci

/// What an export could not write: each thing once, by its path and its memory.
struct LeftOut {
    private struct Item {
        let path: NamePath
        let memory: MemoryID?
        /// nil where the current one is missing, and so all of the memory.
        let revision: RevisionNumber?
        let error: LociError
    }

    private var items: [Item] = []
    private var seen: Set<MemoryID> = []

    var isEmpty: Bool { items.isEmpty }

    mutating func note(_ path: NamePath, _ memory: MemoryID?, _ error: LociError) {
        if let memory { seen.insert(memory) }
        items.append(Item(path: path, memory: memory, revision: nil, error: error))
    }

    /// A tree may have told of the same memory.
    mutating func note(_ gap: ArchiveGap) {
        guard !seen.contains(gap.id) else { return }
        items.append(
            Item(path: gap.path, memory: gap.id, revision: gap.revision, error: gap.error)
        )
    }

    var json: JSON {
        .array(
            items.map { item in
                [
                    "path": JSON(path: item.path),
                    "id": item.memory.map { .string($0.description) } ?? .null,
                    "revision": item.revision.map { .integer(Int64($0.rawValue)) } ?? .null,
                    "code": .string(item.error.code.rawValue),
                    "message": .string(Failure.sentence(item.error)),
                ]
            }
        )
    }

    /// Lists it, and throws `partlyDone` where there is something.
    func throwIfAny() throws(LociError) {
        for item in items {
            let id = item.memory.map { ", \($0)" } ?? ""
            let revision = item.revision.map { ", revision \($0)" } ?? ""
            Words.note("\(item.path)\(id)\(revision): \(Failure.sentence(item.error))")
        }
        guard !items.isEmpty else { return }
        throw LociError(
            .partlyDone,
            subject: "export",
            message: "\(Grouped.text(items.count)) of what is listed above is not in the export."
        )
    }
}
