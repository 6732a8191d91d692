import Catalog
import Linux
import Loci
import Model

// One draft as rows. Everything here runs inside the transaction.

extension CommitDraft {
    /// Writes the rows, or throws `busy` where another process changed what the draft relies on.
    ///
    /// Returns the memory's row and current revision, as the node shows it from now on.
    func write(
        _ placed: [PlacedContent],
        _ tenant: Tenant,
        _ transaction: CatalogTransaction
    ) throws -> (row: Int64, revision: RevisionNumber)? {
        guard try item.fate(hash: hash, transaction.reader) == fate else { throw LociError.raced }
        transaction.origin = item.origin
        transaction.request = item.request
        let memory = try fate.memory.flatMap { try transaction.reader.memory(row: $0) }
        let fields = try memory.map { try transaction.reader.fields(of: $0) } ?? fields
        var content: PlacedContent?
        if let index = self.content, let fields {
            content = try tenant.confirm(placed[index], for: fields, in: transaction)
        }
        var leaving: Leaving?
        if let left {
            guard let memory, var fields else { throw LociError.raced }
            fields.id = left.id
            leaving = Leaving(
                name: memory.name,
                fields: fields,
                content: try tenant.confirm(placed[left.content], for: fields, in: transaction),
                primary: try isPlain(memory, transaction.reader) ? primary : Self.noLayout
            )
        }
        // Nobody saw the name of a recovered file for a while.
        guard case .birth(let place, _) = item.goal, !item.isRecovered else {
            return try write(memory, content, leaving, transaction)
        }
        transaction.reservePosition(place.position, of: place.name, in: place.directory)
        return try transaction.keepingTimes(of: place.directory) {
            try write(memory, content, leaving, transaction)
        }
    }

    /// Whether a memory has its name without a suffix where the item is born: renamed by another
    /// layout it may stand by one here, and then so does what it leaves.
    private func isPlain(_ memory: MemoryRow, _ reader: CatalogReader) throws -> Bool {
        let here = try reader.layouts()[primary]?.bit ?? []
        return try reader.entries(of: memory.node, layouts: here).contains {
            $0.name == memory.name
        }
    }

    /// A memory to be added with the name and the attributes of the one that goes back.
    private struct Leaving {
        let name: Name
        let fields: MemoryFields
        let content: PlacedContent
        /// The layout in which it must have just that name.
        let primary: LayoutNumber
    }

    /// `memory`: the one that gets a revision, as it is now.
    private func write(
        _ memory: MemoryRow?,
        _ content: PlacedContent?,
        _ left: Leaving?,
        _ transaction: CatalogTransaction
    ) throws -> (row: Int64, revision: RevisionNumber)? {
        switch fate {
        case .unchanged(let row):
            guard let memory = try transaction.reader.memory(row: row) else { return nil }
            try writeTime(memory, transaction)
            return (row, memory.revision)
        case .trash:
            return try writeToTrash(content, transaction)
        case .birth(let needsSuffix):
            return try writeBirth(content, needsSuffix: needsSuffix, transaction)
        case .revision(let row, let number), .takeBack(let row, let number),
            .split(let row, let number), .replacing(let row, let number, _):
            guard let memory else { throw LociError.raced }
            try write(memory, number, content, left, transaction)
            return (row, try transaction.reader.memory(row: row)?.revision ?? number)
        }
    }

    private func write(
        _ memory: MemoryRow,
        _ number: RevisionNumber,
        _ content: PlacedContent?,
        _ left: Leaving?,
        _ transaction: CatalogTransaction
    ) throws {
        switch fate {
        case .revision:
            if let content { try writeRevision(memory, number, content, transaction) }
        case .takeBack:
            var memory = memory
            if memory.name != name {
                memory = try transaction.change(
                    memory,
                    name: name,
                    primary: primary,
                    operation: .rename
                )
            }
            let replaced = try transaction.replaceNode(
                of: memory,
                by: item.appearance,
                since: memory.since
            )
            let back = try transaction.untrash(replaced, primary: primary)
            try writeContent(back, content, .edit, transaction)
        case .split:
            try writeSplit(memory, content, left, transaction)
        case .replacing(_, _, let isConflict):
            try removeForeignNode(transaction)
            // The number of the change that is recorded next: one row tells of node and content.
            let since = transaction.nextChange()
            let replaced = try transaction.replaceNode(
                of: memory,
                by: item.appearance,
                since: since
            )
            if content == nil {
                try transaction.record(.edit, memory: memory.row, detail: Self.sameContent)
            }
            try writeContent(replaced, content, isConflict ? .conflict : .edit, transaction)
        case .unchanged, .birth, .trash: break
        }
    }

    /// The same bytes again are no revision, but the file was written, or its time was set.
    private func writeTime(_ memory: MemoryRow, _ transaction: CatalogTransaction) throws {
        // The time of a recovered file is none that anybody saw, unless it was set.
        guard item.attributes.mtimeIsSet || !item.isRecovered,
            var node = try transaction.reader.node(item.node),
            node.mtime != item.attributes.mtime
        else { return }
        node.mtime = item.attributes.mtime
        node.ctime = max(node.ctime, item.ctime)
        try transaction.update(node)
        if node.pinned == nil {
            try transaction.record(.set, memory: memory.row, detail: #"{"node":true}"#)
        }
    }

    private func writeContent(
        _ memory: MemoryRow,
        _ content: PlacedContent?,
        _ operation: Operation,
        _ transaction: CatalogTransaction
    ) throws {
        guard let content else { return }
        _ = try transaction.addRevision(
            memory,
            content: content,
            mtime: item.attributes.mtime,
            ctime: item.ctime,
            operation: operation
        )
    }

    private func writeRevision(
        _ memory: MemoryRow,
        _ number: RevisionNumber,
        _ content: PlacedContent,
        _ transaction: CatalogTransaction
    ) throws {
        guard var node = try transaction.reader.node(item.node) else { throw LociError.raced }
        if node.pinned != nil {
            // The node lost its name: who has it open reads what was written to it.
            try transaction.keepBeside(memory, content: content)
            node.pinned = number
            node.size = content.size
            node.mtime = item.attributes.mtime
            node.ctime = max(node.ctime, item.ctime)
            try transaction.update(node)
            return
        }
        // Another writer came between: both are revisions, and the log says so.
        guard case .revision(memory.row, let base) = item.goal, base != memory.revision else {
            return try writeContent(memory, content, .edit, transaction)
        }
        _ = try transaction.addRevision(
            memory,
            content: content,
            mtime: item.attributes.mtime,
            ctime: item.ctime,
            operation: .conflict,
            detail: JSON.object([
                .init("base", .integer(Int64(base.rawValue))),
                .init("other", .integer(Int64(memory.revision.rawValue))),
            ]).text()
        )
    }

    private func writeBirth(
        _ content: PlacedContent?,
        needsSuffix: Bool,
        _ transaction: CatalogTransaction
    ) throws -> (row: Int64, revision: RevisionNumber) {
        guard let fields, let content else { throw LociError.raced }
        try removeForeignNode(transaction)
        let memory = try transaction.addMemory(
            fields,
            name: name,
            content: content,
            appearance: item.appearance,
            primary: needsSuffix ? Self.noLayout : primary
        )
        return (memory.row, memory.revision)
    }

    private func writeToTrash(
        _ content: PlacedContent?,
        _ transaction: CatalogTransaction
    ) throws -> (row: Int64, revision: RevisionNumber) {
        guard let fields, let content else { throw LociError.raced }
        var appearance = item.appearance
        appearance.number = nil
        let memory = try transaction.addMemory(
            fields,
            name: name,
            content: content,
            appearance: appearance,
            primary: Self.noLayout
        )
        _ = try transaction.trash(memory)
        return (memory.row, memory.revision)
    }

    /// The memory goes back to its name with this node; what it was renamed to keeps its node and
    /// becomes a memory of its own.
    private func writeSplit(
        _ memory: MemoryRow,
        _ content: PlacedContent?,
        _ left: Leaving?,
        _ transaction: CatalogTransaction
    ) throws {
        guard let left, let old = try transaction.reader.node(memory.node) else {
            throw LociError.raced
        }
        let since = transaction.nextChange()
        let replaced = try transaction.replaceNode(of: memory, by: item.appearance, since: since)
        let back = try transaction.change(
            replaced,
            name: name,
            primary: primary,
            operation: .rename
        )
        try transaction.deleteNode(memory.node)
        _ = try transaction.addMemory(
            left.fields,
            name: left.name,
            content: left.content,
            appearance: NodeAppearance(
                number: memory.node,
                permissions: old.mode & 0o7777,
                uid: old.uid,
                gid: old.gid,
                mtime: old.mtime,
                ctime: old.ctime
            ),
            primary: left.primary
        )
        try writeContent(back, content, .edit, transaction)
    }

    /// The node of a foreign file that got a memory's name.
    private func removeForeignNode(_ transaction: CatalogTransaction) throws {
        guard try transaction.reader.node(item.node)?.kind == .foreign else { return }
        try transaction.removeForeign(node: item.node)
    }

    /// The layout whose name for the memory must be the one that the caller gave.
    private var primary: LayoutNumber {
        if case .birth(let place, _) = item.goal { place.layout } else { Self.noLayout }
    }

    /// No layout has this number: in every layout, a taken name gets a suffix.
    private static let noLayout = LayoutNumber(0)
    private static let sameContent = JSON.object([.init("content", .string("same"))]).text()
}

extension CatalogTransaction {
    /// The number that the next `record` will give.
    func nextChange() -> ChangeNumber {
        ChangeNumber(newestChange.rawValue + 1)
    }
}

extension LociError {
    /// The catalog is another one than the draft was made for.
    static let raced = LociError(
        .busy,
        subject: "catalog",
        message: "Another process changed the same file meanwhile.",
        remedy: "It is tried again."
    )
}
