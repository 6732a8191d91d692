import Blobs
package import Catalog
import Linux
import Loci
package import Model
import Synchronization

// Names of files that are not yet memories.

extension Staging {
    /// Makes an unborn file.
    ///
    /// The caller saw that the catalog has no such name. Where a memory of that name was unlinked
    /// or renamed away by the same user within two seconds, the file will be its next revision.
    ///
    /// Throws `pathDoesNotFit`, `futureDate`, `notUTF8`, `nameTaken`, `notFound` for a directory
    /// that is gone.
    package func create(
        _ name: Name,
        in directory: NodeNumber,
        view: Layout,
        permissions: UInt32,
        by caller: Caller,
        _ reader: CatalogReader
    ) throws(LociError) -> Unborn {
        let node = try drawNumber()
        let position = ListingPosition(node)
        let place = try place(name, in: directory, view: view, at: position, reader)
        let attributes = JournalAttributes(
            permissions: permissions & 0o7777,
            uid: caller.origin.uid,
            gid: caller.gid,
            mtime: tenant.clock().nanoseconds,
            mtimeIsSet: false
        )
        return try make(
            node,
            at: place,
            attributes,
            by: caller,
            bytes: nil,
            request: caller.request
        )
    }

    /// Makes an unborn file of a given number, with bytes or without.
    ///
    /// `request`: the one that is done by this alone.
    func make(
        _ node: NodeNumber,
        at place: StagedPlace,
        _ attributes: JournalAttributes,
        by caller: Caller,
        bytes: (StagedBytes, size: Int64)?,
        request: UInt64? = nil
    ) throws(LociError) -> Unborn {
        let now = options.now()
        let made = StagedNode(
            node,
            StagedNode.State(
                standing: .unborn(place, recalls: nil),
                bytes: bytes?.0,
                size: bytes?.size ?? 0,
                attributes: attributes,
                ctime: tenant.clock().nanoseconds,
                life: StagedFileLife(isUnborn: true, limits: options.limits),
                origin: caller.origin
            )
        )
        return try made.io.withLock { () throws(LociError) in
            let (place, recalls) = try names.withLock { names throws(LociError) in
                guard names.unborn[place.directory]?[place.name] == nil else {
                    throw .nameTaken(place.name)
                }
                let loss = names.recalls.take(
                    place.name,
                    in: place.directory,
                    uid: caller.origin.uid,
                    at: now
                )
                var place = place
                if let position = loss?.position { place.position = position }
                made.state.withLock { $0.standing = .unborn(place, recalls: loss?.memory) }
                add(made, place, &names)
                noteChange(of: [place.directory], &names)
                return (place, loss?.memory)
            }
            let action = made.state.withLock { state in
                state.life.handle(.written, at: now)
                return state.action(at: now)
            }
            let record = JournalRecord.created(node, place, attributes, recalls: recalls)
            var records = [record.requested(by: request)]
            if let file = bytes?.0.file { records.append(.bytes(node, file: file.number)) }
            do throws(LociError) {
                try writeJournal(records)
            } catch {
                drop(made, records: [])
                throw error
            }
            expect(action)
            return Unborn(
                node: node,
                directory: place.directory,
                name: place.name,
                position: place.position,
                attributes: made.state.withLock { $0.shown }
            )
        }
    }

    /// The unborn file of that name.
    ///
    /// At once where there are none at all.
    package func lookup(_ name: Name, in directory: NodeNumber) -> Unborn? {
        guard unbornCount.load(ordering: .acquiring) > 0 else { return nil }
        return names.withLock { names -> Unborn? in
            guard let node = names.unborn[directory]?[name] else { return nil }
            return names.nodes[node]?.state.withLock { $0.unborn(node) }
        }
    }

    /// The unborn files of a directory above a position, by rising position; and the names of all of
    /// them that stand where the catalog has a memory.
    package func list(
        _ directory: NodeNumber,
        after: ListingPosition = .start
    ) -> (files: [Unborn], replaced: Set<Name>) {
        guard hasUnborn else { return ([], []) }
        var replaced: Set<Name> = []
        let found = names.withLock { names -> [Unborn] in
            var found: [Unborn] = []
            for (name, node) in names.unborn[directory] ?? [:] {
                if names.replacing.contains(node) { replaced.insert(name) }
                let unborn = names.nodes[node]?.state.withLock { state -> Unborn? in
                    guard let place = state.place, place.position > after else { return nil }
                    return state.unborn(node)
                }
                if let unborn { found.append(unborn) }
            }
            return found
        }
        return (found.sorted { $0.position < $1.position }, replaced)
    }

    /// Whether there are unborn files.
    package var hasUnborn: Bool { unbornCount.load(ordering: .acquiring) > 0 }

    /// Whether a directory has unborn files: then it is not empty, whatever the catalog says.
    package func hasNames(in directory: NodeNumber) -> Bool {
        guard hasUnborn else { return false }
        return names.withLock { $0.unborn[directory] != nil }
    }

    /// Gives an unborn file another name, which the catalog does not have.
    ///
    /// `target`: the unborn file that has the name, and leaves nothing.
    /// `replaced`: the memory that has the name after all, and leaves it to the file.
    /// `position`: of the name, where a memory has it.
    ///
    /// Throws `wrongState` where that is a memory by now.
    package func rename(
        _ node: NodeNumber,
        to name: Name,
        in directory: NodeNumber,
        over target: NodeNumber? = nil,
        replacing replaced: ReplacedMemory? = nil,
        at position: ListingPosition? = nil,
        view: Layout,
        by caller: Caller,
        _ reader: CatalogReader
    ) throws(LociError) {
        let place = try place(
            name,
            in: directory,
            view: view,
            at: position ?? ListingPosition(node),
            replacing: replaced,
            reader
        )
        guard let target, target != node else {
            return try move(node, to: place, listedAt: position, by: caller)
        }
        // Not while one is being born: the other would be gone and this one not in its place.
        try commitLock.withLock { () throws(LociError) in
            guard find(node)?.state.withLock({ $0.place }) != nil else {
                throw .notUnborn(node)
            }
            guard let there = lookup(name, in: directory), there.node == target else {
                throw .notUnborn(target)
            }
            try unlink(target)
            try move(node, to: place, listedAt: there.position, by: caller)
        }
    }

    /// `position`: of the name, where something has it that leaves it to the file.
    private func move(
        _ node: NodeNumber,
        to newPlace: StagedPlace,
        listedAt position: ListingPosition?,
        by caller: Caller
    ) throws(LociError) {
        let (name, directory) = (newPlace.name, newPlace.directory)
        let now = options.now()
        try withUnborn(node) { (staged, oldPlace, before) throws(LociError) in
            let uid = caller.origin.uid
            let stays = (directory, name) == (oldPlace.directory, oldPlace.name)
            var place = newPlace
            let (attributes, recalls, taken) = try names.withLock { names throws(LociError) in
                guard names.unborn[directory]?[name] ?? node == node else {
                    throw .nameTaken(name)
                }
                removeName(node, oldPlace, &names)
                if place.directory == oldPlace.directory, !stays {
                    recallAgain(before, at: oldPlace, by: uid, &names)
                }
                let taken =
                    place.replaces == nil
                    ? names.recalls.take(name, in: directory, uid: uid, at: now) : nil
                if let listed = position ?? taken?.position {
                    place.position = listed
                } else if place.directory == oldPlace.directory, stays || before == nil {
                    // What is called back to the old name takes its position, too.
                    place.position = oldPlace.position
                }
                add(staged, place, &names)
                noteChange(of: [oldPlace.directory, directory], &names)
                let recalls = taken?.memory ?? (stays ? before : nil)
                let attributes = staged.state.withLock { state in
                    state.standing = .unborn(place, recalls: recalls)
                    // Nothing is renamed over it any more that would find it unborn.
                    if place.replaces != nil { state.life.isUnborn = false }
                    state.ctime = tenant.clock().nanoseconds
                    state.isSynced = false
                    return state.attributes
                }
                return (attributes, recalls, taken)
            }
            let record = JournalRecord.created(node, place, attributes, recalls: recalls)
            do throws(LociError) {
                try writeJournal([record.requested(by: caller.request)])
            } catch {
                // Who asked for it is told that nothing happened.
                names.withLock { names in
                    removeName(node, place, &names)
                    recallAgain(taken?.memory, at: place, by: uid, &names)
                    add(staged, oldPlace, &names)
                    staged.state.withLock { state in
                        state.standing = .unborn(oldPlace, recalls: before)
                        state.life.isUnborn = oldPlace.replaces == nil
                    }
                }
                throw error
            }
            if place.replaces != nil { expect(staged.state.withLock { $0.action(at: now) }) }
        }
    }

    /// Takes the name of an unborn file away.
    ///
    /// Who has it open reads and writes on, until `forget`.
    /// `request`: the one that is done by this alone.
    package func unlink(_ node: NodeNumber, request: UInt64? = nil) throws(LociError) {
        try withUnborn(node) { (staged, place, recalls) throws(LociError) in
            // Its memory would have the name again: it is committed first.
            guard place.replaces == nil else { throw .notUnborn(node) }
            let uid = staged.state.withLock { $0.origin.uid }
            names.withLock { names in
                removeName(node, place, &names)
                recallAgain(recalls, at: place, by: uid, &names)
                noteChange(of: [place.directory], &names)
                staged.state.withLock { state in
                    state.standing = .nameless
                    state.ctime = tenant.clock().nanoseconds
                }
                namelessCount.wrappingAdd(1, ordering: .releasing)
            }
            // Without the record, recovery would bring the file back: that loses nothing.
            try? writeJournal([JournalRecord.unnamed(node).requested(by: request)])
        }
    }

    /// Takes the name of an unborn file away once `body` has put something else there.
    ///
    /// Nothing is born meanwhile. When `body` throws, the file stays.
    ///
    /// Throws `wrongState` where the node is a memory by now, before `body` runs.
    func unlink(_ node: NodeNumber, after body: () throws -> Void) throws {
        try commitLock.withLock {
            guard find(node)?.state.withLock({ $0.place }) != nil else {
                throw LociError.notUnborn(node)
            }
            try body()
            try unlink(node)
        }
    }

    /// Makes the names of unborn files survive a power cut; at once where there are none.
    func syncNames() throws(LociError) {
        guard unbornCount.load(ordering: .acquiring) > 0 else { return }
        try staged("staging journal") { () throws(Errno) in
            try space.session.syncNames()
            try space.journal.sync()
        }
    }

    /// Runs `body` with the I/O lock of an unborn file that no commit has taken.
    ///
    /// Throws `wrongState` where the node is a memory by now.
    func withUnborn(
        _ node: NodeNumber,
        _ body: (StagedNode, StagedPlace, _ recalls: Int64?) throws(LociError) -> Void
    ) throws(LociError) {
        while true {
            guard let staged = find(node) else { throw .notUnborn(node) }
            let isDone = try staged.io.withLock(beforeWaiting: options.willWait) {
                () throws(LociError) in
                let (standing, isCommitting) = staged.state.withLock {
                    ($0.standing, $0.isCommitting)
                }
                if isCommitting { return false }
                guard case .unborn(let place, let recalls) = standing else {
                    throw .notUnborn(node)
                }
                try body(staged, place, recalls)
                return true
            }
            if isDone { return }
            options.willWait()
            awaitCommit()
        }
    }

    // MARK: The table

    func add(_ staged: StagedNode, _ place: StagedPlace, _ names: inout Names) {
        names.nodes[staged.node] = staged
        names.unborn[place.directory, default: [:]][place.name] = staged.node
        if place.replaces != nil { names.replacing.insert(staged.node) }
        unbornCount.wrappingAdd(1, ordering: .releasing)
    }
}

extension LociError {
    static func nameTaken(_ name: Name) -> LociError {
        LociError(
            .nameTaken,
            subject: name.description,
            message: "The name \"\(name)\" is already taken"
        )
    }

    static func notUnborn(_ node: NodeNumber) -> LociError {
        LociError(
            .wrongState,
            subject: "node \(node)",
            message: "Node \(node) became a memory meanwhile.",
            remedy: "Look it up again."
        )
    }
}
