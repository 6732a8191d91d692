import Catalog
package import FUSE
import Glibc
import Linux
import Loci
import Model

// Renaming. What it means depends on what moves and on what is there:
//
//   from \ to    free memory name   a memory                 foreign name        a directory
//   unborn       another name       its next revision        foreign file        EISDIR
//   memory       attributes change  that one to the trash    trash + foreign     EISDIR
//   foreign      unborn             its next revision        another name        EISDIR
//   partition    all beneath it     ENOTDIR                  EINVAL              if it is empty
extension LociFileSystem {
    package func rename(
        _ request: consuming Request,
        parent: NodeID,
        name: RawSpan,
        newParent: NodeID,
        newName: RawSpan,
        flags: UInt32
    ) {
        let attempt = Attempt(request, parent, try? Name(name))
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            if isDone(request) { return request.succeed() }
            if let trash = Self.trashDirectory(Place(parent)) {
                Request.passTurn()
                try moveOut(trash, name, newParent, newName, flags, caller(of: request), thread)
                return request.succeed()
            }
            let reader = try thread.current()
            let move = Move(
                from: try writableDirectory(Place(parent), reader),
                name: try Name(name),
                to: try writableDirectory(Place(newParent), reader),
                newName: try Name(newName),
                caller: caller(of: request)
            )
            if flags & 2 != 0 {
                Request.passTurn()
                try again { try exchange(move, thread) }
            } else {
                try again { try rename(move, mayReplace: flags & 1 == 0, thread) }
            }
            expireElsewhere(move.name, in: move.from)
            expireElsewhere(move.newName, in: move.to)
            request.succeed()
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    /// What a rename asks for.
    struct Move {
        let from: Directory
        let name: Name
        let to: Directory
        let newName: Name
        let caller: Caller

        /// The move of what is there to here.
        var back: Move {
            Move(from: to, name: newName, to: from, newName: name, caller: caller)
        }

        /// The names that the answer tells the kernel.
        var known: [KnownName] {
            [
                KnownName(directory: from.number, name: name),
                KnownName(directory: to.number, name: newName),
            ]
        }
    }

    private func rename(_ move: Move, mayReplace: Bool, _ thread: ThreadReader) throws {
        guard let source = try found(move.name, in: move.from, thread) else {
            throw LociError(
                .notFound,
                subject: move.name.description,
                message: "\"\(move.name)\" is not there"
            )
        }
        let target = try found(move.newName, in: move.to, thread)
        let reader = try thread.current()
        _ = try livingLayouts(of: move.to, reader)
        try checkDeletes(move.from, source.entry, reader)
        try checkDeletes(move.to, target?.entry, reader)
        if let target {
            guard mayReplace else { throw LociError.nameTaken(move.newName) }
            if target.node == source.node { return }
            if target.isDirectory, !source.isDirectory {
                throw LociError.isDirectory(move.newName)
            }
            if source.isDirectory, !target.isDirectory {
                throw LociError(
                    .notADirectory,
                    subject: move.newName.description,
                    message: "\"\(move.newName)\" is not a directory"
                )
            }
        }
        // An unborn file's name is in the journal alone.
        switch (source, target) {
        case (.unborn, nil), (.unborn, .memory): break
        default: Request.passTurn()
        }
        switch source {
        case .directory(let entry, _): try moveDirectory(entry, move, thread)
        case .foreign(let entry, let node): try moveForeign(entry, node, move, target, thread)
        case .unborn(let unborn): try moveUnborn(unborn, move, target, thread)
        case .memory(_, let memory): try moveMemory(memory, move, target, thread)
        }
        guard let target else { return }
        // A directory that another layout still has is none that is gone.
        if case .directory = target, try thread.current().node(target.node) != nil { return }
        noteUnlinked(target.node, target.kind(now: tenant.clock()))
    }

    // MARK: Files

    func isForeign(
        _ move: Move,
        asDirectory: Bool = false,
        _ thread: ThreadReader
    ) throws -> Bool {
        isForeign(
            move.newName,
            asDirectory: asDirectory,
            in: try layouts(of: move.to, thread.current())
        )
    }

    /// The layout in which the new name is a memory's.
    func layout(for move: Move, _ thread: ThreadReader) throws -> Layout {
        try naming(for: move, thread).layout(forFile: move.newName)
    }

    /// What a name may be where a move goes.
    func naming(for move: Move, _ thread: ThreadReader) throws -> Naming {
        let reader = try thread.current()
        return try Naming(
            move.to,
            having: try layouts(of: move.to, reader),
            reader,
            now: tenant.clock()
        )
    }

    private func moveUnborn(
        _ unborn: Unborn,
        _ move: Move,
        _ target: Found?,
        _ thread: ThreadReader
    ) throws {
        if try isForeign(move, thread) {
            Request.passTurn()
            return try turnForeign(unborn.node, move, thread)
        }
        if case .memory(let entry, let memory) = target {
            // By its only name, also for the kernel; and nothing was written to it that comes first.
            let listed = move.to.table.listed
            if move.to.table.occupied.subtracting(.foreign) == listed.bit,
                entry.layouts == listed.bit, !layoutViewsUsed.isSet,
                !staging.isStaged(memory.node)
            {
                return try staging.replace(
                    memory,
                    by: unborn.node,
                    as: move.newName,
                    in: move.to.number,
                    at: entry.position,
                    view: listed,
                    move.caller,
                    try thread.current()
                )
            }
            return try staging.replace(
                memory.row,
                shownBy: memory.node,
                by: unborn.node,
                move.caller,
                known: move.known
            )
        }
        let layout = try layout(for: move, thread)
        let other: NodeNumber? = if case .unborn(let other) = target { other.node } else { nil }
        let foreign: CatalogEntry? = if case .foreign(let entry, _) = target { entry } else { nil }
        try staging.rename(
            unborn.node,
            to: move.newName,
            in: move.to.number,
            over: other,
            at: foreign?.position,
            view: layout,
            by: move.caller,
            try thread.current()
        )
        guard let foreign else { return }
        do {
            try removeForeign(foreign, move.caller)
        } catch {
            // Back to where it was: the directory had it, so it fits there.
            try? staging.rename(
                unborn.node,
                to: move.name,
                in: move.from.number,
                view: layout,
                by: move.caller,
                try thread.current()
            )
            throw error
        }
    }

    /// A memory or an unborn file gets a foreign name; the memory goes to the trash.
    private func turnForeign(
        _ node: NodeNumber,
        _ move: Move,
        _ thread: ThreadReader
    ) throws {
        guard options.foreign != .deny else {
            throw LociError(
                .notPermitted,
                subject: move.newName.description,
                message: "This mount refuses tools' files (foreign=deny)",
                remedy: "Mount with foreign=dot, or choose another name"
            )
        }
        try staging.becomeForeign(
            node,
            from: move.name,
            in: move.from.number,
            to: move.newName,
            in: move.to.number,
            by: move.caller,
            try thread.current()
        )
    }

    private func moveForeign(
        _ entry: CatalogEntry,
        _ node: Node,
        _ move: Move,
        _ target: Found?,
        _ thread: ThreadReader
    ) throws {
        let isDirectory = node.mode & S_IFMT == S_IFDIR
        let staysForeign = try isForeign(move, asDirectory: isDirectory, thread)
        if !staysForeign, node.mode & S_IFMT == S_IFREG {
            if case .memory(_, let memory) = target {
                return try staging.replace(
                    memory.row,
                    shownBy: memory.node,
                    by: entry.node,
                    move.caller
                )
            }
            let layout = try layout(for: move, thread)
            let unborn: NodeNumber? =
                if case .unborn(let unborn) = target { unborn.node } else { nil }
            let stays = move.from.number == move.to.number
            _ = try staging.adopt(
                entry.node,
                as: move.newName,
                in: move.to.number,
                at: stays ? entry.position : ListingPosition(entry.node),
                view: layout,
                replacing: unborn,
                by: move.caller,
                try thread.current()
            )
            if case .foreign(let old, _) = target { try removeForeign(old, move.caller) }
            return
        }
        guard staysForeign || options.foreign == .all else {
            throw LociError(
                .pathDoesNotFit,
                subject: move.newName.description,
                message: isDirectory
                    ? "A tool's directory cannot become a partition"
                    : "A symbolic link cannot become a memory",
                remedy: "Make the directory with mkdir, and move the files"
            )
        }
        if case .foreign(let old, _) = target,
            try thread.current().hasEntries(old.node, layouts: .foreign)
        {
            throw LociError.notEmpty(old.name)
        }
        try change(move, over: target) { transaction in
            try transaction.moveForeign(entry, to: move.to.number, as: move.newName)
        }
        foreignFiles.noteChange(of: entry.node)
    }

    /// The rows of a move, with those of what has the new name, in one transaction: when it fails,
    /// both are as before.
    private func change(
        _ move: Move,
        over target: Found?,
        _ body: (CatalogTransaction) throws -> Void
    ) throws {
        func write() throws {
            try change(by: move.caller, known: move.known) { transaction in
                switch target {
                case .foreign(let entry, _): try transaction.unlinkForeign(entry)
                case .memory(_, let seen):
                    _ = try transaction.trash(transaction.memory(seen.row, still: seen.node))
                case .unborn(let unborn):
                    let position = unborn.position
                    transaction.reservePosition(position, of: unborn.name, in: unborn.directory)
                case .directory, nil: break
                }
                try body(transaction)
            }
        }
        if case .unborn(let unborn) = target {
            return try staging.unlink(unborn.node, after: write)
        }
        try write()
    }

    private func moveMemory(
        _ memory: MemoryRow,
        _ move: Move,
        _ target: Found?,
        _ thread: ThreadReader
    ) throws {
        if try isForeign(move, thread) { return try turnForeign(memory.node, move, thread) }
        let layout = try layout(for: move, thread)
        try change(move, over: target) { transaction in
            let reader = transaction.reader
            let memory = try transaction.memory(memory.row, still: memory.node)
            let changes = try Self.changes(of: memory, to: move, in: layout, reader)
            _ = try transaction.change(
                memory,
                attributes: changes,
                name: move.newName,
                primary: layout.number,
                operation: .rename
            )
        }
        staging.noteRenamed(
            memory.row,
            from: move.name,
            in: move.from.number,
            to: move.to.number,
            by: move.caller
        )
    }

    /// What a move means for a memory's attributes: only what the layout's path says otherwise.
    static func changes(
        of memory: MemoryRow,
        to move: Move,
        in layout: Layout,
        _ reader: CatalogReader
    ) throws -> [AttributeChange] {
        let fields = try reader.fields(of: memory)
        let old = try reader.path(of: memory, in: layout)?.dropLast() ?? []
        guard let new = try reader.path(ofDirectory: move.to.number)?.names else {
            throw goneNode
        }
        return try layout.scheme.changes(from: Array(old), to: new, existing: fields)
    }
}
