import Catalog
package import FUSE
import Glibc
import Linux
import Loci
import Model

// Removing names. The answer tells the kernel of one; the change log tells the invalidation of
// all others.
extension LociFileSystem {
    package func unlink(_ request: consuming Request, parent: NodeID, name: RawSpan) {
        let attempt = Attempt(request, parent, try? Name(name))
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            if isDone(request) { return request.succeed() }
            let name = try Name(name)
            let caller = caller(of: request)
            try again { try removeFile(name, in: Place(parent), caller, thread) }
            request.succeed()
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    private func removeFile(
        _ name: Name,
        in place: Place,
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws {
        let directory = try writableDirectory(place, thread.current())
        let now = tenant.clock().nanoseconds
        if let unborn = staging.lookup(name, in: directory.number) {
            guard unborn.replaces != nil else {
                try staging.unlink(unborn.node, request: caller.request)
                expireElsewhere(name, in: directory)
                return noteUnlinked(unborn.node, .file(since: now))
            }
            try staging.commitReplacing(unborn.node)
        }
        let reader = try thread.current()
        let entry = try existing(name, in: directory, reader)
        try checkDeletes(directory, entry, reader)
        guard let node = try reader.node(entry.node) else { throw Self.goneNode }
        switch node.kind {
        case .directory: throw LociError.isDirectory(name)
        case .foreign:
            guard node.mode & S_IFMT != S_IFDIR else { throw LociError.isDirectory(name) }
            try removeForeign(entry, caller)
        case .memory:
            let known = [KnownName(directory: directory.number, name: name)]
            guard let row = node.memory else { throw Self.goneNode }
            let ending = try change(by: caller, known: known) { transaction in
                let found = try perishable(place, transaction.reader)
                _ = try transaction.trash(transaction.memory(row, still: entry.node))
                return found
            }
            noteUnlinked(entry.node, .file(since: now))
            staging.noteUnlinked(
                row,
                name,
                in: directory.number,
                at: entry.position,
                by: caller
            )
            try noteVanished(ending, caller, thread)
        }
    }

    /// The row of a name that must be there.
    func existing(
        _ name: Name,
        in directory: Directory,
        _ reader: CatalogReader
    ) throws -> CatalogEntry {
        guard
            let entry = try reader.entry(
                in: directory.number,
                named: name,
                layouts: directory.resolvable
            )
        else {
            throw LociError(
                .notFound,
                subject: name.description,
                message: "\"\(name)\" is not there"
            )
        }
        return entry
    }

    package func rmdir(_ request: consuming Request, parent: NodeID, name: RawSpan) {
        let attempt = Attempt(request, parent, try? Name(name))
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            if isDone(request) { return request.succeed() }
            let (name, place, caller) = (try Name(name), Place(parent), caller(of: request))
            if place == .special(.snapshots) {
                try deleteSnapshot(name, caller)
            } else {
                try removeDirectory(name, in: place, caller, thread)
            }
            request.succeed()
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    private func removeDirectory(
        _ name: Name,
        in place: Place,
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws {
        let reader = try thread.current()
        let directory = try writableDirectory(place, reader)
        if place == .root, name.bytes == Array(".loci".utf8) { throw Self.generatedFile }
        let entry: CatalogEntry
        do {
            entry = try existing(name, in: directory, reader)
        } catch let error as LociError where error.code == .notFound {
            guard let pid = caller.origin.pid,
                vanished.remove(name, in: directory.number, by: pid)
            else { throw error }
            return
        }
        try checkDeletes(directory, entry, reader)
        guard let node = try reader.node(entry.node), node.mode & S_IFMT == S_IFDIR else {
            throw LociError(
                .notADirectory,
                subject: name.description,
                message: "\"\(name)\" is not a directory"
            )
        }
        guard !staging.hasNames(in: entry.node) else { throw LociError.notEmpty(name) }
        if node.kind == .foreign {
            guard try !reader.hasEntries(entry.node, layouts: .foreign) else {
                throw LociError.notEmpty(name)
            }
            return try removeForeign(entry, caller)
        }
        guard
            let layout = directory.table.layout(
                forDirectoryIn: entry.layouts,
                preferring: directory.preferred
            )
        else { throw Self.goneNode }
        let known = [KnownName(directory: directory.number, name: name)]
        let ending = try change(by: caller, known: known) { transaction in
            let found = try perishable(place, transaction.reader)
            try transaction.removeDirectory(entry, view: layout)
            return found
        }
        if try thread.current().node(node.number) == nil {
            noteUnlinked(node.number, .directory(node))
        }
        try noteVanished(ending, caller, thread)
    }
}
