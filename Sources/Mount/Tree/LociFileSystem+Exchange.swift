import Catalog
import Loci
import Model

// Two names change places (`RENAME_EXCHANGE`).
extension LociFileSystem {
    /// Two of a kind change places; memories take each other's attributes with the path.
    func exchange(_ move: Move, _ thread: ThreadReader) throws {
        for (name, directory) in [(move.name, move.from), (move.newName, move.to)] {
            if case .unborn(let unborn) = try found(name, in: directory, thread) {
                try staging.commit(unborn.node)
            }
        }
        guard let one = try found(move.name, in: move.from, thread),
            let other = try found(move.newName, in: move.to, thread)
        else { throw Self.goneNode }
        if one.node == other.node { return }
        try checkDeletes(move.from, one.entry, thread.current())
        try checkDeletes(move.to, other.entry, thread.current())
        switch (one, other) {
        case (.memory(_, let one), .memory(_, let other)):
            try exchange(one, other, move, thread)
        case (.foreign(let one, _), .foreign(let other, _)):
            try change(by: move.caller, known: move.known) { transaction in
                try transaction.exchangeForeign(one, other)
            }
            for entry in [one, other] { foreignFiles.noteChange(of: entry.node) }
        case (.directory(let one, _), .directory(let other, _)):
            try exchange(one, other, move, thread)
        default:
            throw LociError(
                .invalidArgument,
                subject: move.name.description,
                message: "Two memories can change places, or two partitions, or two of a tool's "
                    + "files, but not one of each",
                remedy: "Rename them one after the other"
            )
        }
    }

    private func exchange(
        _ one: MemoryRow,
        _ other: MemoryRow,
        _ move: Move,
        _ thread: ThreadReader
    ) throws {
        let there = try layout(for: move, thread)
        let back = move.back
        let here = try layout(for: back, thread)
        let aside = Name(unchecked: Array(".\(one.id)".utf8))
        try change(by: move.caller, known: move.known) { transaction in
            let reader = transaction.reader
            let one = try transaction.memory(one.row, still: one.node)
            let other = try transaction.memory(other.row, still: other.node)
            let forth = try Self.changes(of: one, to: move, in: there, reader)
            let home = try Self.changes(of: other, to: back, in: here, reader)
            // Names that change places stay where they are listed, in all layouts.
            let occupied = try reader.layouts().occupied
            for entry in try reader.entries(of: one.node, layouts: occupied) {
                transaction.reservePosition(
                    ListingPosition(transaction.newNodeNumber()),
                    of: aside,
                    in: entry.directory
                )
            }
            let parked = try transaction.change(
                one,
                name: aside,
                primary: there.number,
                operation: .rename
            )
            _ = try transaction.change(
                other,
                attributes: home,
                name: move.name,
                primary: here.number,
                operation: .rename
            )
            _ = try transaction.change(
                parked,
                attributes: forth,
                name: move.newName,
                primary: there.number,
                operation: .rename
            )
        }
    }

    /// Two partitions change places, each with all beneath it.
    ///
    /// One of them goes by way of a third name: so nobody meets a name that is taken, in no layout.
    private func exchange(
        _ one: CatalogEntry,
        _ other: CatalogEntry,
        _ move: Move,
        _ thread: ThreadReader
    ) throws {
        let back = move.back
        let there = try partitionLayout(for: move, thread)
        let here = try partitionLayout(for: back, thread)
        guard one.layouts.contains(there.bit), other.layouts.contains(here.bit) else {
            throw LociError(
                .pathDoesNotFit,
                subject: move.name.description,
                message: "\"\(move.name)\" and \"\(move.newName)\" are not directories of "
                    + "one layout",
                remedy: "Move the memories instead"
            )
        }
        let aside = Name(unchecked: move.name.bytes.prefix(200) + Array("~\(one.node)".utf8))
        _ = staging.commitNow(.unmount)
        try change(by: move.caller, known: move.known) { transaction in
            func step(
                _ node: NodeNumber,
                to directory: Directory,
                _ name: Name,
                _ view: Layout
            ) throws {
                guard
                    let entry = try transaction.reader.entries(of: node, layouts: view.bit).first
                else { throw Self.goneNode }
                try transaction.moveDirectory(
                    entry,
                    to: directory.number,
                    as: name,
                    view: view,
                    limit: Self.moveLimit
                )
            }
            try transaction.refuseBeneathItself(one, in: other.directory)
            try transaction.refuseBeneathItself(other, in: one.directory)
            transaction.reservePosition(
                ListingPosition(transaction.newNodeNumber()),
                of: aside,
                in: move.from.number
            )
            try step(one.node, to: move.from, aside, here)
            try step(other.node, to: move.from, move.name, here)
            try step(one.node, to: move.to, move.newName, there)
        }
    }

    private func partitionLayout(for move: Move, _ thread: ThreadReader) throws -> Layout {
        try naming(for: move, thread).layout(forDirectory: move.newName)
    }
}
