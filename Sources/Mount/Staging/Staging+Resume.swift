import Blobs
import Catalog
import Linux
import Loci
import Model
import Synchronization

// Going on where an earlier daemon of the same mount ended. Unlike recovery it commits nothing and
// gives nothing up: the kernel knows the nodes, and those who write go on writing.
//
// What the journal says is compared with the catalog, since the end may have come between the two:
//
//   the node's row   it is                             because
//   none             unborn, or without a name         nothing of it was committed
//   a memory         that memory, being written        it was born, or replaced one; the same bytes
//                                                      again are no revision
//   foreign          not staged                        it became foreign; or it was to become a
//                                                      memory, and the request comes again
extension Staging {
    /// Takes up what the session has staged.
    ///
    /// Before anything is served.
    ///
    /// `actor`: whom changes are ascribed to; nil: the owner of each file.
    /// Returns the requests that were done, by the kernel's numbers.
    func resume(actor: String?) throws(LociError) -> Set<UInt64> {
        let records = try staged("staging journal") { () throws(Errno) in
            try space.journal.read().records
        }
        let replay = StagingReplay(records)
        let reader = try tenant.catalog.makeReader()
        do {
            for (node, entry) in replay.entries.sorted(by: { $0.key < $1.key }) {
                try resume(node, entry, actor, reader)
            }
        } catch {
            throw LociError(catalogError: error, subject: tenant.catalog.path)
        }
        for (node, entry) in replay.nameless {
            try add(node, entry, .nameless, actor)
        }
        return replay.requests
    }

    private func resume(
        _ node: NodeNumber,
        _ entry: StagingReplay.Entry,
        _ actor: String?,
        _ reader: CatalogReader
    ) throws {
        if let row = try reader.node(node) {
            guard row.kind == .memory, let memory = row.memory,
                entry.file != nil || entry.content != nil
            else { return forget(node, entry) }
            // The copy of a memory keeps what it was made of: whoever wrote meanwhile is told.
            let shown = try reader.revision(shownBy: node)?.number ?? RevisionNumber(0)
            let base = entry.memory == nil ? shown : RevisionNumber(Int(entry.base))
            try add(node, entry, .memory(memory, base: base), actor)
        } else if let place = entry.place {
            // Also one that was being renamed over a memory: the request comes again.
            try add(node, entry, .unborn(place, recalls: entry.recalls), actor)
        } else if let memory = entry.memory {
            let base = RevisionNumber(Int(entry.base))
            try add(node, entry, .memory(memory, base: base), actor)
        } else {
            forget(node, entry)
        }
    }

    private func add(
        _ node: NodeNumber,
        _ entry: StagingReplay.Entry,
        _ standing: StagedNode.Standing,
        _ actor: String?
    ) throws(LociError) {
        let status = try entry.file.flatMap { (file) throws(LociError) in
            try self.status(ofFile: file)
        }
        // Committed, and removed when the journal could not say so.
        if entry.file != nil, status == nil { return forget(node, entry) }
        var state = state(of: entry, standing, status, by: actor)
        // A commit may have begun: then its file is a blob's by now, and nobody may write to it.
        state.isSealed = true
        state.hasNewName = entry.replaces != nil
        switch standing {
        case .memory: state.life.isUnborn = false
        case .unborn(let place, _) where place.replaces != nil: state.life.isUnborn = false
        default: break
        }
        let made = StagedNode(node, state)
        names.withLock { names in
            if case .unborn(let place, _) = standing {
                add(made, place, &names)
            } else {
                names.nodes[node] = made
            }
        }
        if standing == .nameless { namelessCount.wrappingAdd(1, ordering: .releasing) }
        guard entry.replaces != nil, let record = state.journalRecord(node) else { return }
        try writeJournal([record])
    }

    private func forget(_ node: NodeNumber, _ entry: StagingReplay.Entry) {
        try? writeJournal([.dropped(node)])
        if let file = entry.file { try? space.file(file).remove() }
    }
}
