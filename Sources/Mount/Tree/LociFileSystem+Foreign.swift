import Catalog
package import FUSE
import Glibc
import Linux
import Loci
import Model
import SQL

// What tools keep beside memories: dot files, editors' files, and all below a foreign directory.
extension LociFileSystem {
    /// Makes a foreign file, directory or symbolic link; `mode` has its type and permissions.
    func makeForeign(
        _ name: Name,
        in directory: Directory,
        mode: UInt32,
        _ caller: Caller,
        target: [UInt8]?
    ) throws -> Attributes {
        guard options.foreign != .deny else {
            throw LociError(
                .notPermitted,
                subject: name.description,
                message: "\"\(name)\" is a tool's file, and this mount refuses those "
                    + "(foreign=deny)",
                remedy: "Mount with foreign=dot, or choose another name"
            )
        }
        Request.passTurn()
        // The file first: a row never names bytes that are not there.
        let number = try drawForeignNumber(caller)
        // A directory whose group its files are to have (setgid): directories in it are so, too.
        let inherited = try inheritedGroup(of: directory)
        let gid = inherited ?? caller.gid
        let mode = inherited != nil && mode & S_IFMT == S_IFDIR ? mode | S_ISGID : mode
        if mode & S_IFMT != S_IFDIR {
            let file = try foreignFiles.create(number)
            if EffectiveUser.id == 0 {
                try file.setOwner(user: caller.origin.uid, group: gid)
            }
            // After the owner, whose change takes bits away.
            try file.setPermissions(mode & 0o7777)
            if let target { try file.write(target, at: 0) }
        }
        let now = tenant.clock().nanoseconds
        let node = Node(
            number: number,
            kind: .foreign,
            mode: mode,
            uid: caller.origin.uid,
            gid: gid,
            mtime: now,
            ctime: now
        )
        do {
            let known = [KnownName(directory: directory.number, name: name)]
            try change(by: caller, known: known) { transaction in
                try transaction.addForeign(node, in: directory.number, as: name)
            }
        } catch {
            foreignFiles.remove(number)
            throw error
        }
        return try appearance(of: node, id: directory.foreignID(node))
    }

    private func inheritedGroup(of directory: Directory) throws -> UInt32? {
        let row = try catalog.read { try $0.node(directory.number) }
        guard let row, row.kind == .foreign, row.mode & S_ISGID != 0 else { return nil }
        return row.gid
    }

    private func drawForeignNumber(_ caller: Caller) throws -> NodeNumber {
        try change(by: caller, known: []) { $0.newNodeNumber() }
    }

    /// Takes a foreign name away.
    ///
    /// Its node and bytes stay for who has it open, until the kernel
    /// forgets the node or the next mount begins.
    func removeForeign(_ entry: CatalogEntry, _ caller: Caller) throws {
        let known = [KnownName(directory: entry.directory, name: entry.name)]
        try change(by: caller, known: known) { try $0.unlinkForeign(entry) }
        // Only now: what is in that set loses its bytes. The kernel forgets it after the answer.
        noteUnlinked(entry.node, .foreign)
    }

    /// A node lost its name.
    ///
    /// Whoever has a foreign file open sees that by its change time, which the file itself has.
    func noteUnlinked(_ number: NodeNumber, _ kind: UnlinkedNodes.Kind) {
        unlinked.insert(number, kind)
        if case .foreign = kind { foreignFiles.noteChange(of: number) }
    }

    /// The kernel has no use for a node any more.
    func forgetUnlinked(_ number: NodeNumber) {
        guard case .foreign? = unlinked.remove(number) else { return }
        // What fails now is found by the next mount.
        let origin = Origin(actor: "mount", uid: EffectiveUser.id)
        try? catalog.write(.normal, origin: origin) { try $0.deleteNode(number) }
        foreignFiles.remove(number)
    }

    package func symlink(
        _ request: consuming Request,
        parent: NodeID,
        name: RawSpan,
        target: RawSpan
    ) {
        let attempt = Attempt(request, parent, try? Name(name))
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            if let done = try doneEntry(request, name, in: parent, thread) {
                return request.reply(done)
            }
            let name = try Name(name)
            let target = unsafe target.withUnsafeBytes { unsafe Array($0) }
            let reader = try thread.current()
            let directory = try writableDirectory(Place(parent), reader)
            let set = try livingLayouts(of: directory, reader)
            guard isForeign(name, in: set) || options.foreign == .all else {
                throw LociError(
                    .notPermitted,
                    subject: name.description,
                    message: "Symbolic links are kept only where tools keep their files",
                    remedy: "Give it a name that begins with a dot, or copy the file"
                )
            }
            let made = try makeForeign(
                name,
                in: directory,
                mode: S_IFLNK | 0o777,
                caller(of: request),
                target: target
            )
            request.reply(
                KernelEntry(made, nameTimeout: Self.long, attributeTimeout: Self.long)
            )
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }
}

extension LociFileSystem.Directory {
    /// Directories have a node of their own in each view; files share theirs.
    func foreignID(_ node: Node) -> NodeID {
        node.mode & S_IFMT == S_IFDIR ? id(of: node.number) : Place.node(node.number).id
    }
}
