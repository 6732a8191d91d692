import Catalog
import Loci
import Model

// Moving what is more than one file: partitions with all beneath them, and two memories at once.
extension LociFileSystem {
    // MARK: Directories

    func moveDirectory(
        _ entry: CatalogEntry,
        _ move: Move,
        _ thread: ThreadReader
    ) throws {
        let reader = try thread.current()
        let set = try layouts(of: move.to, reader)
        guard !isForeign(move.newName, asDirectory: true, in: set) else {
            throw LociError(
                .pathDoesNotFit,
                subject: move.newName.description,
                message: "A partition cannot become a tool's directory",
                remedy: "Remove its memories, or give it a name that fits the scheme"
            )
        }
        let naming = try Naming(move.to, having: set, reader, now: tenant.clock())
        let layout = try naming.layout(forDirectory: move.newName)
        guard entry.layouts.contains(layout.bit) else {
            throw LociError(
                .pathDoesNotFit,
                subject: move.newName.description,
                message: "\"\(move.name)\" is not a directory of layout \(layout.number), "
                    + "\(layout.scheme.text)",
                remedy: "Move the memories instead"
            )
        }
        // What is beneath it and not yet a memory is named by its old path: it is born first.
        _ = staging.commitNow(.unmount)
        try change(by: move.caller, known: move.known) { transaction in
            guard
                let current = try transaction.reader.entry(
                    in: move.from.number,
                    named: move.name,
                    layouts: move.from.resolvable
                ),
                current.node == entry.node
            else { throw Self.goneNode }
            try transaction.moveDirectory(
                current,
                to: move.to.number,
                as: move.newName,
                view: layout,
                limit: Self.moveLimit
            )
        }
    }

    // MARK: Exchange

    /// Two memories change places, each with the attributes of the other's.
    func exchange(_ move: Move, _ thread: ThreadReader) throws {
        for (name, directory) in [(move.name, move.from), (move.newName, move.to)] {
            if case .unborn(let unborn) = try found(name, in: directory, thread) {
                try staging.commit(unborn.node)
            }
        }
        guard case .memory(let first, let one)? = try found(move.name, in: move.from, thread),
            case .memory(let second, let other)? = try found(
                move.newName,
                in: move.to,
                thread
            )
        else {
            throw LociError(
                .invalidArgument,
                subject: move.name.description,
                message: "Only two memories can change places",
                remedy: "Rename them one after the other"
            )
        }
        if one.row == other.row { return }
        try checkDeletes(move.from, first, thread.current())
        try checkDeletes(move.to, second, thread.current())
        let there = try layout(for: move, thread)
        let back = Move(
            from: move.to,
            name: move.newName,
            to: move.from,
            newName: move.name,
            caller: move.caller
        )
        let here = try layout(for: back, thread)
        let aside = Name(unchecked: Array(".\(one.id)".utf8))
        try change(by: move.caller, known: move.known) { transaction in
            let reader = transaction.reader
            let forth = try Self.changes(of: one, to: move, in: there, reader)
            let home = try Self.changes(of: other, to: back, in: here, reader)
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
}
