import Catalog
public import Model
import SQL

extension Tenant {
    /// Up to so many memories a directory moves in one transaction, and keeps its node.
    package static let movedAtOnce = 10_000

    /// Gives a directory another path, with all that is beneath it: memories get the attributes
    /// that their new paths say.
    ///
    /// Above 10,000 memories it works in batches: each memory moves by itself, a failure leaves some
    /// moved, and the same call moves the rest.
    ///
    /// Returns how many memories moved.
    /// Throws `notFound`, `notADirectory`, `notEmpty` where the new path holds something,
    /// `immutableField`, `pathDoesNotFit`.
    public func moveDirectory(
        from old: NamePath,
        to new: NamePath,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> Int {
        try await moveDirectory(
            from: old,
            to: new,
            atOnce: Self.movedAtOnce,
            origin: origin,
            progress: progress
        )
    }

    func moveDirectory(
        from old: NamePath,
        to new: NamePath,
        atOnce: Int,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> Int {
        try await work { [self] () throws(LociError) in
            defer { progress?.finish() }
            guard let name = new.last, !old.isRoot, !new.isWithin(old) else {
                throw LociError(
                    .invalidArgument,
                    subject: new.description,
                    message: "\"/\(old)\" cannot move to \"/\(new)\".",
                    remedy: "Give a directory that is neither the root nor beneath the one to move."
                )
            }
            let (directory, rows) = try read { reader in
                let directory = try self.directory(old, reader)
                return (directory, try self.memories(below: directory, reader))
            }
            let isGoingOn = try isMoving(directory.node, to: new)
            if rows.count > atOnce || isGoingOn {
                let batches = DirectoryMove(directory: directory, rows: rows, from: old, to: new)
                let size = min(Self.batchSize, atOnce)
                return try move(batches, of: size, origin: origin, progress)
            }
            try catalog.write(.full, origin: origin) { tx in
                let directory = try self.directory(old, tx.reader)
                guard let entry = directory.entry else { throw Self.isADirectory(old) }
                let since = tx.newestChange
                let parent = try tx.ensureDirectory(
                    new.parent.names,
                    of: directory.layout,
                    since: ChangeNumber(since.rawValue + 1)
                )
                try tx.moveDirectory(
                    entry,
                    to: parent,
                    as: name,
                    view: directory.layout,
                    limit: atOnce * 2
                )
            }
            return rows.count
        }
    }

    // MARK: In batches

    /// A directory that moves, each of its memories by itself.
    private struct DirectoryMove {
        let directory: Directory
        let rows: [Int64]
        let from: NamePath
        let to: NamePath
    }

    /// Whether a move of one path to the other was interrupted between two of its batches: the same
    /// call goes on with it, though the new path holds something by now.
    package func isMoving(from old: NamePath, to new: NamePath) throws(LociError) -> Bool {
        guard let node = try? read({ try self.directory(old, $0).node }) else { return false }
        return try isMoving(node, to: new)
    }

    private func isMoving(_ node: NodeNumber, to new: NamePath) throws(LociError) -> Bool {
        try read { try Self.isMoving(node, to: new, $0) }
    }

    /// By the directory's node: another one that is later made at its path is not meant.
    private static func isMoving(
        _ node: NodeNumber,
        to new: NamePath,
        _ reader: CatalogReader
    ) throws -> Bool {
        try reader.settingText(Setting.directoryMove(of: node)) == Hex.text(new.bytes)
    }

    private func move(
        _ move: DirectoryMove,
        of size: Int,
        origin: Origin,
        _ progress: ProgressFeed?
    ) throws(LociError) -> Int {
        let (node, layout, rows) = (move.directory.node, move.directory.layout, move.rows)
        try catalog.write(.full, origin: origin) { tx in
            if try Self.isMoving(node, to: move.to, tx.reader) { return }
            try self.requireEmpty(move.to, tx.reader)
            try tx.setSetting(Setting.directoryMove(of: node), .text(Hex.text(move.to.bytes)))
        }
        var moved = 0
        for start in stride(from: 0, to: rows.count, by: size) {
            let batch = rows[start..<min(rows.count, start + size)]
            try catalog.write(.full, origin: origin) { tx in
                for row in batch {
                    guard let memory = try tx.reader.memory(row: row), memory.trashed == nil,
                        let names = try tx.reader.path(of: memory, in: layout),
                        NamePath(names).isWithin(move.from)
                    else { continue }
                    let rest = names.dropFirst(move.from.names.count)
                    let path = NamePath(move.to.names + rest)
                    _ = try self.relocate(memory, to: path, .rename, tx)
                    moved += 1
                }
            }
            progress?.report(Int64(moved), of: Int64(rows.count))
        }
        try catalog.write(.full, origin: origin) { tx in
            try self.moveRest(move, tx)
            try tx.removeSetting(Setting.directoryMove(of: node))
        }
        return moved
    }

    private func requireEmpty(_ path: NamePath, _ reader: CatalogReader) throws {
        let table = try reader.layouts()
        guard
            let entry = try reader.resolve(
                path.names,
                from: table.listed.root,
                layouts: table.resolvable
            ), try reader.hasEntries(entry.node, layouts: table.resolvable)
        else { return }
        throw LociError(
            .notEmpty,
            subject: path.description,
            message: "The directory \"/\(path)\" is not empty.",
            remedy: "Give a path that is free, or move what is there first."
        )
    }

    /// Moves what batches of memories leave: foreign files go along, and directories without an
    /// entry are removed, innermost first.
    private func moveRest(_ move: DirectoryMove, _ tx: CatalogTransaction) throws {
        let layout = move.directory.layout
        let set = layout.bit.union(.foreign)
        var found = [(node: move.directory.node, entry: move.directory.entry, below: [Name]())]
        var next = 0
        while next < found.count {
            let (node, _, below) = found[next]
            var holdsForeign = false
            try tx.reader.list(node, layouts: set) { entry, child in
                if child.kind == .directory {
                    found.append((child.number, entry, below + [entry.name]))
                }
                if child.kind == .foreign { holdsForeign = true }
                return true
            }
            if holdsForeign {
                let since = try tx.record(.rename, directory: node)
                let names = move.to.names + below
                let target = try tx.ensureDirectory(names, of: layout, since: since)
                try tx.moveForeign(from: node, to: target)
            }
            next += 1
        }
        for case (let node, let entry?, _) in found.reversed() {
            // In a layout that is not listed a directory ends with its last entry.
            guard try tx.reader.node(node) != nil, try !tx.reader.hasEntries(node, layouts: set)
            else { continue }
            try tx.removeDirectory(entry, view: layout)
        }
    }
}
