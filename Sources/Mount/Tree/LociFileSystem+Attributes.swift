import Catalog
package import FUSE
import Glibc
import Linux
import Loci
import Model

extension LociFileSystem {
    package func getattr(_ request: consuming Request, node: NodeID) {
        let attempt = Attempt(request, node)
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            let shown = try appearance(at: Place(node), thread)
            request.reply(shown, timeout: Self.lasting(Place(node)))
        } catch let error as LociError where error.code == .notFound {
            if let gone = unlinkedDirectory(node) { return request.reply(gone, timeout: .none) }
            // The kernel asks before it lets a directory in it be removed.
            if let gone = try? vanishedAppearance(of: node) {
                request.reply(gone, timeout: .none)
            } else {
                request.fail(errno(of: error, attempt))
            }
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    /// How long attributes hold without being asked for: until a notification says otherwise, but
    /// for trees of the past, of which none tells.
    static func lasting(_ place: Place) -> Timeout {
        switch place {
        case .past(.snapshot, _): long
        case .past(.revision, _): counted
        case .past, .special(.history), .special(.snapshots), .special(.trash): .none
        default: long
        }
    }

    /// What `stat` shows of a node id.
    func appearance(at place: Place, _ thread: ThreadReader) throws -> Attributes {
        switch place {
        case .special(let special): return try specialAppearance(special, thread.current())
        case .past(let view, let number):
            return try pastAppearance(view, number, thread.current())
        case .generated(let number):
            guard let content = generated.content(of: number) else { throw Self.staleNode }
            return generated.appearance(of: number, content)
        case .meta(let number):
            return try appearance(of: number, id: place.id, thread)
        case .root, .view, .node:
            guard let number = try number(place, thread.current()) else { throw Self.goneNode }
            return try appearance(of: number, id: place.id, thread)
        }
    }

    /// What somebody sees who has a directory open that was removed.
    private func unlinkedDirectory(_ id: NodeID) -> Attributes? {
        guard let number = Place(id).directoryNumber,
            case .directory(let node)? = unlinked.find(number),
            var shown = try? appearance(of: node, id: id)
        else { return nil }
        shown.linkCount = 0
        return shown
    }

    private func appearance(
        of number: NodeNumber,
        id: NodeID,
        _ thread: ThreadReader
    ) throws -> Attributes {
        var shown = try namedAppearance(of: number, id: id, thread)
        guard let kind = unlinked.find(number) else { return shown }
        shown.linkCount = 0
        if case .file(let since) = kind { shown.changed = max(shown.changed, since) }
        return shown
    }

    private func namedAppearance(
        of number: NodeNumber,
        id: NodeID,
        _ thread: ThreadReader
    ) throws -> Attributes {
        // Without permissions it was born in this moment: its row has them.
        if staging.isUnborn(number), let staged = staging.attributes(of: number),
            staged.permissions != nil
        {
            return appearance(of: number, staged)
        }
        return try steady {
            guard let node = try thread.current().node(number) else { throw Self.goneNode }
            return try appearance(of: node, id: id)
        }
    }

    static let goneNode = LociError(
        .notFound,
        subject: "file",
        message: "The file is no longer there"
    )

    /// A text that an earlier daemon of this mount made: told so, the kernel looks its path up again,
    /// and its caller notices nothing.
    static let staleNode = LociError(
        .inputOutput,
        subject: ".loci",
        message: "The text was made by a daemon that ended",
        remedy: "Open the file again",
        systemError: Errno.stale.rawValue
    )

    // MARK: Changing

    package func setattr(_ request: consuming Request, node: NodeID, changes: SetAttributes) {
        let attempt = Attempt(request, node)
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            let place = Place(node)
            switch place {
            case .generated, .special, .meta:
                // Truncating alone does nothing: a WRITE brings a whole object.
                guard changes.onlySizeAndTimes else { throw Self.generatedFile }
            case .past: throw Self.readOnlyPast
            case .root, .view, .node:
                guard let number = try number(place, thread.current()) else {
                    throw Self.goneNode
                }
                if try isStale(changes, number, thread) {
                    return request.fail(Errno.stale.rawValue)
                }
                try apply(changes, to: number, caller(of: request), thread)
            }
            let shown = try appearance(at: place, thread)
            request.reply(shown, timeout: Self.lasting(place))
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    static let generatedFile = LociError(
        .notPermitted,
        subject: ".loci",
        message: "Loci makes this file; it cannot be changed"
    )

    /// Whether somebody cuts by a path what is no longer there: a save replaced it, and the kernel
    /// was not yet told so.
    ///
    /// Told that it is stale, the kernel looks the path up again, and its caller notices nothing.
    private func isStale(
        _ changes: SetAttributes,
        _ number: NodeNumber,
        _ thread: ThreadReader
    ) throws -> Bool {
        guard changes.size != nil, !changes.isByOpenFile else { return false }
        return try thread.current().node(number)?.pinned != nil
    }

    private func apply(
        _ changes: SetAttributes,
        to number: NodeNumber,
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws {
        if let size = changes.size {
            try truncate(number, to: size, caller, thread)
        }
        let mtime = changes.modified.map { time in
            switch time {
            case .at(let nanoseconds): nanoseconds
            case .now: tenant.clock().nanoseconds
            }
        }
        guard
            changes.mode != nil || changes.uid != nil || changes.gid != nil || mtime != nil
                || changes.accessed != nil
        else { return }
        let staged = try staging.setAttributes(
            of: number,
            permissions: changes.mode.map { $0 & 0o7777 },
            uid: changes.uid,
            gid: changes.gid,
            mtime: mtime
        )
        if staged != nil, staging.isUnborn(number) { return }
        guard let node = try thread.current().node(number) else { throw Self.goneNode }
        switch node.kind {
        case .foreign where node.mode & S_IFMT != S_IFDIR:
            try setForeign(number, changes, mtime: mtime)
        case .directory: try setPartition(node, changes, mtime, caller)
        case .memory, .foreign:
            var changed = node
            if let mode = changes.mode {
                changed.mode = node.mode & S_IFMT | mode & 0o7777
            }
            changed.uid = changes.uid ?? node.uid
            changed.gid = changes.gid ?? node.gid
            if let mtime, staged == nil { changed.mtime = mtime }
            if mtime != nil, node.kind == .foreign { staging.forgetChangeTime(of: number) }
            try write(changed, over: node, caller)
        }
    }

    /// A partition is as open as the mount: what narrows it is refused, what it is already is fine.
    private func setPartition(
        _ node: Node,
        _ changes: SetAttributes,
        _ mtime: Int64?,
        _ caller: Caller
    ) throws {
        if let mode = changes.mode, directoryPermissions & ~mode & 0o777 != 0 {
            throw LociError(
                .notPermitted,
                subject: "directory",
                message: "A partition directory cannot be narrowed: it is as open as the mount",
                remedy: "Keep what must be separate in a tenant of its own, or use -o umask="
            )
        }
        guard changes.uid ?? settings.uid == settings.uid,
            changes.gid ?? settings.gid == settings.gid
        else {
            throw LociError(
                .notPermitted,
                subject: "directory",
                message: "A partition directory belongs to the owner of the mount",
                remedy: "Use the mount options uid= and gid="
            )
        }
        var changed = node
        if let mtime {
            staging.forgetChangeTime(of: node.number)
            changed.mtime = mtime
        }
        try write(changed, over: node, caller)
    }

    /// Writes what differs; the time of the change in any case.
    private func write(_ changed: Node, over node: Node, _ caller: Caller) throws {
        try change(by: caller, known: []) { transaction in
            // Read again: a commit may have changed its size since.
            guard var current = try transaction.reader.node(node.number) else {
                throw Self.goneNode
            }
            if changed.mode != node.mode { current.mode = changed.mode }
            if changed.uid != node.uid { current.uid = changed.uid }
            if changed.gid != node.gid { current.gid = changed.gid }
            if changed.mtime != node.mtime { current.mtime = changed.mtime }
            current.ctime = transaction.now.nanoseconds
            try transaction.update(current)
            if let memory = current.memory, changed != node {
                try transaction.record(.set, memory: memory, detail: #"{"node":true}"#)
            }
        }
    }

    private func setForeign(
        _ number: NodeNumber,
        _ changes: SetAttributes,
        mtime: Int64?
    ) throws {
        let atime: Int64? =
            switch changes.accessed {
            case .at(let time)?: time
            case .now?: tenant.clock().nanoseconds
            case nil: nil
            }
        // By name: a mode can shut out who serves the mount.
        if changes.uid != nil || changes.gid != nil {
            try foreignFiles.setOwner(of: number, user: changes.uid, group: changes.gid)
        }
        // After the owner, whose change takes bits away.
        if let mode = changes.mode {
            try foreignFiles.setPermissions(of: number, mode & 0o7777)
        }
        if atime != nil || mtime != nil {
            try foreignFiles.setTimes(of: number, access: atime, modification: mtime)
        }
    }
}

extension SetAttributes {
    /// Whether nobody's permissions or owner would change.
    fileprivate var onlySizeAndTimes: Bool { mode == nil && uid == nil && gid == nil }
}
