import Catalog
import Loci
import Model

// Moving what is more than one file: partitions with all beneath them.
extension LociFileSystem {
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
}
