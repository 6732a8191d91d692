import Blobs
package import Catalog
import Linux
import Loci
package import Model
import SQL
import Synchronization

// Files that cross the border between memories and what tools keep beside them. Foreign bytes
// stand in `STORE/<tenant>/foreign/<node number>`.

extension Staging {
    /// A memory or an unborn file is renamed to a foreign name.
    ///
    /// A memory goes to the trash and the foreign file keeps its bytes and its node; a foreign file
    /// of that name loses it, and its bytes stay for who has it open.
    package func becomeForeign(
        _ node: NodeNumber,
        from name: Name,
        in directory: NodeNumber,
        to newName: Name,
        in newDirectory: NodeNumber,
        by caller: Caller,
        _ reader: CatalogReader
    ) throws(LociError) {
        try commit(node, unlessUnborn: true)
        if let staged = find(node), staged.state.withLock({ $0.isUnborn }) {
            return try letGo(staged, to: newName, in: newDirectory, by: caller)
        }
        reader.end()
        let row = try tenant.catalog.read { try $0.node(node) }
        try writeForeign(node, row.map(JournalAttributes.init), syncing: false) {
            (target) throws(LociError) in
            let blob = try tenant.openBlob(shownBy: node, reader: reader)
            return try Mount.staged("node \(node)") { () throws(Errno) in
                try blob.copyContents(to: target)
            }
        }
        let (memory, position): (Int64, ListingPosition?)
        do throws(LociError) {
            (memory, position) = try tenant.catalog.write(
                .normal,
                origin: caller.origin,
                request: caller.request
            ) { transaction in
                transaction.holdsNames = hasNames
                let occupied = try transaction.reader.layouts().occupied
                let old = try transaction.reader.entry(
                    in: directory,
                    named: name,
                    layouts: occupied
                )
                // Its position is for what is created at the old name.
                transaction.reservePosition(
                    ListingPosition(transaction.newNodeNumber()),
                    of: newName,
                    in: newDirectory
                )
                try transaction.unlinkForeign(newName, in: newDirectory)
                let memory = try transaction.trashKeepingNode(node)
                try transaction.linkForeign(node, newName, in: newDirectory)
                return (memory, old?.position)
            }
        } catch {
            removeForeignFile(node)
            throw error
        }
        generation.wrappingAdd(1, ordering: .acquiringAndReleasing)
        let listed = position ?? ListingPosition(node)
        noteUnlinked(memory, name, in: directory, at: listed, by: caller)
    }

    /// A foreign file is renamed to a memory's name that is free, or that of the unborn file
    /// `replacing`: the same node, unborn from now on.
    ///
    /// `position`: where listings show the name, if not where the unborn file is.
    package func adopt(
        _ foreign: NodeNumber,
        as name: Name,
        in directory: NodeNumber,
        at position: ListingPosition,
        view: Layout,
        replacing: NodeNumber? = nil,
        by caller: Caller,
        _ reader: CatalogReader
    ) throws(LociError) -> Unborn {
        let there = lookup(name, in: directory)
        let listed = there?.position ?? position
        let place = try place(name, in: directory, view: view, at: listed, reader)
        // It was born, or made, since the caller looked: the name leads elsewhere by now.
        guard there?.node == replacing else { throw .notUnborn(foreign) }
        let copy = try copyForeign(foreign)
        if let replacing {
            do throws(LociError) {
                try unlink(replacing)
            } catch {
                try? copy.bytes.remove()
                throw error
            }
        }
        let made = try make(
            foreign,
            at: place,
            copy.attributes,
            by: caller,
            bytes: (copy.bytes, copy.size)
        )
        do throws(LociError) {
            // The copy replaces bytes that may have been synced.
            _ = try fsync(foreign)
            try tenant.catalog.write(
                .normal,
                origin: caller.origin,
                request: caller.request
            ) { transaction in
                try transaction.removeForeign(node: foreign)
            }
        } catch {
            if let staged = find(foreign) {
                staged.io.withLock { drop(staged, records: [.dropped(foreign)]) }
            }
            throw error
        }
        generation.wrappingAdd(1, ordering: .acquiringAndReleasing)
        removeForeignFile(foreign)
        return made
    }

    /// A staged file without a name, with a foreign file's bytes; for `replace`.
    func stageForeign(_ node: NodeNumber, by caller: Caller) throws(LociError) -> StagedNode {
        let copy = try copyForeign(node)
        let made = StagedNode(
            node,
            StagedNode.State(
                standing: .nameless,
                bytes: copy.bytes,
                size: copy.size,
                attributes: copy.attributes,
                ctime: tenant.clock().nanoseconds,
                life: StagedFileLife(isUnborn: true, limits: options.limits),
                origin: caller.origin
            )
        )
        names.withLock { $0.nodes[node] = made }
        namelessCount.wrappingAdd(1, ordering: .releasing)
        if let file = copy.bytes.file { try writeJournal([.bytes(node, file: file.number)]) }
        return made
    }

    /// Removes the bytes of a node that is foreign no longer.
    ///
    /// Missing ones are no error, and what stays takes space only until it is checked.
    func removeForeignFile(_ node: NodeNumber) {
        foreignFiles.remove(node)
    }

    // MARK: Parts

    private func commit(_ node: NodeNumber, unlessUnborn: Bool) throws(LociError) {
        awaitCommit()
        guard let staged = find(node), !staged.state.withLock({ $0.isUnborn }) else { return }
        try commit(node)
    }

    /// An unborn file becomes a foreign one.
    func letGo(
        _ staged: StagedNode,
        to name: Name,
        in directory: NodeNumber,
        by caller: Caller
    ) throws(LociError) {
        let node = staged.node
        let old = staged.state.withLock { $0.place }
        try commitLock.withLock { () throws(LociError) in
            try staged.io.withLock { () throws(LociError) in
                let (bytes, size, attributes, isSynced, standing) = staged.state.withLock {
                    ($0.bytes, $0.size, $0.attributes, $0.isSynced, $0.standing)
                }
                // It may have been born while this waited for its turn.
                guard case .unborn = standing else { throw .notUnborn(node) }
                // What was synced stays so: the staged bytes go.
                try writeForeign(node, attributes, syncing: isSynced) {
                    (target) throws(LociError) in
                    guard let bytes else { return 0 }
                    return try Mount.staged("node \(node)") { () throws(Errno) in
                        try bytes.copyContents(to: target)
                    }
                }
                try tenant.catalog.write(
                    isSynced ? .full : .normal,
                    origin: caller.origin,
                    request: caller.request
                ) { transaction in
                    try transaction.unlinkForeign(name, in: directory)
                    try transaction.insert(
                        Node(
                            number: node,
                            kind: .foreign,
                            size: size,
                            mode: 0o100000 | attributes.permissions,
                            uid: attributes.uid,
                            gid: attributes.gid,
                            mtime: attributes.mtime,
                            ctime: transaction.now.nanoseconds
                        )
                    )
                    try transaction.linkForeign(node, name, in: directory)
                }
                generation.wrappingAdd(1, ordering: .acquiringAndReleasing)
                if case .unborn(let place, let recalls) = staged.state.withLock({ $0.standing }) {
                    names.withLock {
                        recallAgain(recalls, at: place, by: caller.origin.uid, &$0)
                    }
                }
                drop(staged, records: [.dropped(node)])
            }
        }
        if let old { names.withLock { noteChange(of: [old.directory], &$0) } }
    }

    /// Makes the file of a node that becomes foreign, and gives it the looks that the node has.
    private func writeForeign(
        _ node: NodeNumber,
        _ attributes: JournalAttributes?,
        syncing: Bool,
        _ fill: (borrowing File) throws(LociError) -> Int64
    ) throws(LociError) {
        // One that a crash left there belongs to nobody.
        foreignFiles.remove(node)
        let target = try Mount.staged("node \(node)") { () throws(Errno) in
            try foreignFiles.create(node)
        }
        do throws(LociError) {
            _ = try fill(target)
            try Mount.staged("node \(node)") { () throws(Errno) in
                if let attributes { try target.show(attributes) }
                guard syncing else { return }
                try target.sync()
                try foreignFiles.syncNames()
            }
        } catch {
            removeForeignFile(node)
            throw error
        }
    }

    /// A staged file with the bytes of a foreign one, and the looks that the file itself has: its
    /// row does not follow them.
    private func copyForeign(
        _ node: NodeNumber
    ) throws(LociError) -> (attributes: JournalAttributes, bytes: StagedBytes, size: Int64) {
        let row = try tenant.catalog.read { try $0.node(node) }
        guard let row, row.kind == .foreign, row.mode & 0o170000 == 0o100000 else {
            throw .notUnborn(node)
        }
        return try Mount.staged("node \(node)") { () throws(Errno) in
            let source = try foreignFiles.open(node, [.readOnly, .noFollow])
            let status = try source.status()
            let copy = try space.makeFile()
            let size = try source.copyContents(to: copy.openAnew().file)
            let attributes = JournalAttributes(
                permissions: status.permissions,
                uid: status.user,
                gid: status.group,
                mtime: status.modificationTime,
                mtimeIsSet: true
            )
            return (attributes, StagedBytes(copy, in: space), size)
        }
    }
}

extension JournalAttributes {
    fileprivate init(_ row: Node) {
        self.init(
            permissions: row.mode & 0o7777,
            uid: row.uid,
            gid: row.gid,
            mtime: row.mtime,
            mtimeIsSet: true
        )
    }
}

extension File {
    /// Gives the file a node's owner, permissions and time; the owner as far as this process may.
    fileprivate borrowing func show(_ attributes: JournalAttributes) throws(Errno) {
        if EffectiveUser.id == 0 {
            try setOwner(user: attributes.uid, group: attributes.gid)
        }
        // After the owner, whose change takes bits away.
        try setPermissions(attributes.permissions)
        try setTimes(modification: attributes.mtime)
    }
}
