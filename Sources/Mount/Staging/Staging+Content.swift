import Blobs
package import Catalog
import Linux
import Loci
package import Model
import Synchronization

// Bytes of memories and of unborn files, as requests see and change them.

extension Staging {
    /// Writes to a memory or an unborn file; the first write to a memory copies it.
    ///
    /// One call is atomic against others of the same node. Appending needs nothing more: the kernel
    /// makes appends of one mount wait for each other and says the offset.
    ///
    /// Throws `wrongState` where the node is neither, `noSpace`, `inputOutput`.
    package func write(
        _ node: NodeNumber,
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int64,
        by caller: Caller,
        _ reader: CatalogReader
    ) throws(LociError) {
        if !isQuick(node, count: bytes.count) { options.willWait() }
        try change(node, by: caller, reader) { (staged, time) throws(LociError) in
            let end = offset + Int64(bytes.count)
            let size = max(staged.state.withLock { $0.size }, end)
            let target = try writable(staged, keeping: .max, growingTo: size, reader) {
                .content(node, offset: offset, bytes: unsafe Array(bytes), mtime: time)
            }
            if let file = target.file {
                try Mount.staged("node \(node)") { () throws(Errno) in
                    try unsafe file.open().file.write(bytes, at: offset)
                }
            } else {
                target.change { unsafe $0.put(bytes, at: Int(offset)) }
            }
            staged.state.withLock { $0.size = size }
        }
    }

    /// Whether a write needs the journal alone: no copy, no file, no commit to wait for.
    private func isQuick(_ node: NodeNumber, count: Int) -> Bool {
        guard let staged = find(node) else { return false }
        return staged.state.withLock { state in
            !state.isCommitting && state.isUnborn && (state.bytes.map { $0.file == nil } ?? true)
                && state.size + Int64(count) <= StagedBytes.inlineLimit
        }
    }

    /// Cuts or lengthens a memory or an unborn file.
    package func truncate(
        _ node: NodeNumber,
        to size: Int64,
        by caller: Caller,
        _ reader: CatalogReader
    ) throws(LociError) {
        try change(node, by: caller, reader) { (staged, time) throws(LociError) in
            let target = try writable(staged, keeping: size, growingTo: size, reader) {
                .length(node, size, mtime: time)
            }
            if let file = target.file {
                try Mount.staged("node \(node)") { () throws(Errno) in
                    try file.open().file.truncate(to: size)
                }
            } else {
                target.change { $0.resize(to: Int(size)) }
            }
            staged.state.withLock { $0.size = size }
        }
    }

    /// Reads staged bytes.
    ///
    /// Returns how many, 0 at the end; nil where nothing is staged: then the blob has them.
    package func read(
        _ node: NodeNumber,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int64
    ) throws(LociError) -> Int? {
        guard let staged = find(node) else { return nil }
        let (bytes, isVisible) = staged.state.withLock { ($0.bytes, $0.isVisible) }
        guard isVisible else { return nil }
        guard let bytes else { return 0 }
        do throws(Errno) {
            return unsafe try bytes.read(into: buffer, at: offset)
        } catch .noSuchFile {
            // It was committed just now.
            return nil
        } catch {
            throw LociError(errno: error, subject: "node \(node)")
        }
    }

    /// Where staged bytes begin or end, as `find` says of their file, and `within` of so many bytes
    /// without holes; nil where nothing is staged: then the blob has them.
    func extent(
        of node: NodeNumber,
        _ find: (borrowing File) throws(Errno) -> Int64,
        within: (Int64) throws(Errno) -> Int64
    ) throws(Errno) -> Int64? {
        guard let staged = self.find(node) else { return nil }
        let (bytes, size, isVisible) = staged.state.withLock { ($0.bytes, $0.size, $0.isVisible) }
        guard isVisible else { return nil }
        guard let file = bytes?.file else { return try within(size) }
        do throws(Errno) {
            return try find(try file.open().file)
        } catch .noSuchFile {
            // It was committed just now.
            return nil
        }
    }

    /// What a staged file looks like; nil where nothing is staged.
    package func attributes(of node: NodeNumber) -> StagedAttributes? {
        find(node)?.state.withLock { $0.isVisible ? $0.shown : nil }
    }

    /// Where an unborn file has its name; nil where the node is not one, or has none.
    package func place(of node: NodeNumber) -> StagedPlace? {
        find(node)?.state.withLock { state in
            if case .unborn(let place, _) = state.standing { place } else { nil }
        }
    }

    package func isUnborn(_ node: NodeNumber) -> Bool {
        guard unbornCount.load(ordering: .acquiring) > 0 else {
            return namelessCount.load(ordering: .acquiring) > 0
                && find(node)?.state.withLock { $0.isUnborn } == true
        }
        return find(node)?.state.withLock { $0.isUnborn } == true
    }

    /// Sets attributes of an unborn file, or the `mtime` of a memory that is being written.
    ///
    /// Returns what it looks like now; nil where nothing is staged: then the node's row has all.
    /// Permissions and owner of a memory are not taken: its row has them.
    package func setAttributes(
        of node: NodeNumber,
        permissions: UInt32? = nil,
        uid: UInt32? = nil,
        gid: UInt32? = nil,
        mtime: Int64? = nil
    ) throws(LociError) -> StagedAttributes? {
        while let staged = find(node) {
            let (isBusy, shown) = try staged.io.withLock { () throws(LociError) in
                // What a commit has sealed would not get them.
                if staged.state.withLock({ $0.isCommitting }) {
                    return (true, StagedAttributes?.none)
                }
                let changed = staged.state.withLock { state in
                    state.set(
                        permissions,
                        uid,
                        gid,
                        mtime,
                        ctime: tenant.clock().nanoseconds
                    )
                }
                guard let changed else { return (false, nil) }
                try writeJournal([.attributes(node, changed)])
                return (false, staged.state.withLock { $0.shown })
            }
            if !isBusy { return shown }
            awaitCommit()
        }
        return nil
    }

    /// Makes bytes, name and attributes of a staged node survive a power cut.
    ///
    /// It is no revision.
    ///
    /// Returns false where nothing is staged: then `Catalog.sync` does it.
    package func fsync(_ node: NodeNumber) throws(LociError) -> Bool {
        guard let staged = find(node) else { return false }
        return try staged.io.withLock { () throws(LociError) in
            let (bytes, isVisible, isSynced, hasNewName) = staged.state.withLock {
                ($0.bytes, $0.isVisible, $0.isSynced, $0.hasNewName)
            }
            guard isVisible else { return false }
            if isSynced { return true }
            if let file = bytes?.file {
                try Mount.staged("node \(node)") { () throws(Errno) in
                    try file.open().file.syncContent()
                    try space.session.syncNames()
                }
            }
            // After the bytes: a power cut in between must not leave a record that promises them.
            try writeJournal([.synced(node)])
            try Mount.staged("staging journal") { () throws(Errno) in try space.journal.sync() }
            if hasNewName { try tenant.catalog.sync() }
            staged.state.withLock { state in
                state.isSynced = true
                state.hasNewName = false
            }
            return true
        }
    }

    /// Somebody who could write closed the node: a hint.
    package func closed(_ node: NodeNumber) {
        guard let staged = find(node) else { return }
        let now = options.now()
        let action = staged.state.withLock { state in
            state.life.handle(.closed, at: now)
            return state.action(at: now)
        }
        expect(action)
    }

    /// The kernel forgot the node.
    ///
    /// Matters to unborn files that were unlinked: nobody can reach them any more.
    package func forget(_ node: NodeNumber) {
        guard namelessCount.load(ordering: .acquiring) > 0, let staged = find(node) else { return }
        staged.io.withLock {
            guard staged.state.withLock({ $0.standing == .nameless }) else { return }
            drop(staged, records: [.dropped(node)])
        }
    }

    // MARK: Changing

    /// Runs `body` with the node's I/O lock, on a staged node that is not gone, and notes the write.
    private func change(
        _ node: NodeNumber,
        by caller: Caller,
        _ reader: CatalogReader,
        _ body: (StagedNode, _ time: Int64) throws(LociError) -> Void
    ) throws(LociError) {
        while true {
            let staged: StagedNode
            if let found = find(node) {
                staged = found
            } else {
                staged = try attach(node, by: caller, reader)
            }
            let isDone = try staged.io.withLock(beforeWaiting: options.willWait) {
                () throws(LociError) in
                if staged.state.withLock({ $0.standing == .gone }) { return false }
                staged.state.withLock { $0.changes += 1 }
                let time = tenant.clock().nanoseconds
                do throws(LociError) {
                    try body(staged, time)
                } catch {
                    // Without bytes there is nothing to keep, and its base would grow old.
                    if staged.state.withLock({ !$0.isVisible }) { drop(staged, records: []) }
                    throw error
                }
                noteWrite(staged, at: time, by: caller)
                return true
            }
            if isDone { return }
        }
    }

    private func noteWrite(_ staged: StagedNode, at time: Int64, by caller: Caller) {
        let now = options.now()
        let action = staged.state.withLock { state in
            state.attributes.mtime = time
            state.attributes.mtimeIsSet = false
            state.ctime = time
            state.origin = caller.origin
            state.isSynced = false
            state.life.handle(.written, at: now)
            return state.action(at: now)
        }
        expect(action)
    }

    /// Makes the staged node of a memory; its bytes are copied later, at need.
    private func attach(
        _ node: NodeNumber,
        by caller: Caller,
        _ reader: CatalogReader
    ) throws(LociError) -> StagedNode {
        // An old transaction would give an old revision as the base.
        reader.end()
        let found: (row: Node, revision: RevisionRow)?
        do {
            found = try reader.snapshot {
                guard let row = try reader.node(node), row.kind == .memory,
                    let revision = try reader.revision(shownBy: node)
                else { return nil }
                return (row, revision)
            }
        } catch {
            throw LociError(catalogError: error, subject: "node \(node)")
        }
        guard let (row, revision) = found else {
            throw LociError(
                .wrongState,
                subject: "node \(node)",
                message: "Node \(node) is no memory and no file that could become one."
            )
        }
        let state = StagedNode.State(
            standing: .memory(revision.memory, base: revision.number),
            size: revision.size,
            attributes: JournalAttributes(
                permissions: row.mode & 0o7777,
                uid: row.uid,
                gid: row.gid,
                mtime: row.mtime,
                mtimeIsSet: false
            ),
            ctime: row.ctime,
            life: StagedFileLife(
                isUnborn: false,
                limits: options.limits,
                lastCommit: lastLargeCommit(of: node)
            ),
            origin: caller.origin
        )
        let made = StagedNode(node, state)
        return names.withLock { names in
            if let other = names.nodes[node] { return other }
            names.nodes[node] = made
            return made
        }
    }

    /// Ends what is staged of a node.
    ///
    /// Called with its I/O lock.
    ///
    /// A journal that cannot be written is no reason to keep it: recovery sees by the catalog what
    /// stands there.
    func drop(_ staged: StagedNode, records: [JournalRecord]) {
        try? writeJournal(records)
        let bytes = names.withLock { names -> StagedBytes? in
            let (bytes, place, standing) = staged.state.withLock { state in
                defer {
                    state.standing = .gone
                    state.bytes = nil
                }
                return (state.bytes, state.place, state.standing)
            }
            if names.nodes[staged.node] === staged { names.nodes[staged.node] = nil }
            if let place { removeName(staged.node, place, &names) }
            if standing == .nameless { namelessCount.wrappingSubtract(1, ordering: .releasing) }
            return bytes
        }
        try? bytes?.remove()
    }

    func removeName(_ node: NodeNumber, _ place: StagedPlace, _ names: inout Names) {
        guard names.unborn[place.directory]?[place.name] == node else { return }
        names.unborn[place.directory]?[place.name] = nil
        names.replacing.remove(node)
        if names.unborn[place.directory]?.isEmpty == true { names.unborn[place.directory] = nil }
        unbornCount.wrappingSubtract(1, ordering: .releasing)
    }
}
