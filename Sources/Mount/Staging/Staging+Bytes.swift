import Blobs
import Catalog
import Linux
import Loci
import Model
import Synchronization

// Where the bytes of a staged node are: in memory and in the journal, or in a file.

extension Staging {
    /// The bytes to write to: a copy where there are none, or where they are being committed.
    ///
    /// They are in memory as long as `size`, to which they grow, allows; then the journal has
    /// `change` when this returns. At least the first `kept` bytes of before are there.
    ///
    /// Called with the node's I/O lock.
    func writable(
        _ staged: StagedNode,
        keeping kept: Int64,
        growingTo size: Int64,
        _ reader: CatalogReader,
        _ change: () -> JournalRecord
    ) throws(LociError) -> StagedBytes {
        let (old, isSealed) = staged.state.withLock { ($0.bytes, $0.isSealed) }
        let isInline = space.mayInline(size)
        if let old, !isSealed, old.file != nil || isInline {
            if old.file == nil { try writeJournal([change()]) }
            return old
        }
        let made =
            isInline
            ? try makeInline(staged, keeping: kept, reader, change)
            : try makeFile(staged, keepingBytes: kept > 0, reader)
        staged.state.withLock { state in
            state.bytes = made
            state.isSealed = false
            state.isSynced = false
        }
        return made
    }

    /// Bytes in memory and in the journal.
    private func makeInline(
        _ staged: StagedNode,
        keeping kept: Int64,
        _ reader: CatalogReader,
        _ change: () -> JournalRecord
    ) throws(LociError) -> StagedBytes {
        let node = staged.node
        let (old, standing, isSynced, mtime) = staged.state.withLock {
            ($0.bytes, $0.standing, $0.isSynced, $0.attributes.mtime)
        }
        if let inline = old?.inline {
            // The journal goes on with what it has.
            try writeJournal([change()])
            return StagedBytes(inline, in: space)
        }
        var records: [JournalRecord] = []
        var bytes: [UInt8] = []
        let limit = Int(min(kept, Int64(StagedBytes.inlineLimit)))
        if let file = old?.file {
            bytes = try Mount.staged("node \(node)") { () throws(Errno) in
                try file.open().file.read(count: limit, at: 0)
            }
        } else if case .memory(let row, let base) = standing {
            records.append(.attached(node, memory: row, base: Int64(base.rawValue)))
            if limit > 0 { bytes = try readBlob(of: node, count: limit, reader) }
        }
        records.append(.inline(node))
        if !bytes.isEmpty {
            records.append(.content(node, offset: 0, bytes: bytes, mtime: mtime))
        }
        // What was durable is as durable in its new place.
        if isSynced { records.append(.synced(node)) }
        try writeJournal(records + [change()])
        return StagedBytes(bytes, in: space)
    }

    /// Bytes in a file.
    private func makeFile(
        _ staged: StagedNode,
        keepingBytes: Bool,
        _ reader: CatalogReader
    ) throws(LociError) -> StagedBytes {
        let node = staged.node
        let (old, standing, isSynced) = staged.state.withLock {
            ($0.bytes, $0.standing, $0.isSynced)
        }
        var records: [JournalRecord] = []
        let copy = try Mount.staged("node \(node)") { () throws(Errno) in try space.makeFile() }
        do throws(LociError) {
            if let old {
                if keepingBytes { try copyStaged(old, to: copy, syncing: isSynced, node) }
            } else if case .memory(let row, let base) = standing {
                records.append(.attached(node, memory: row, base: Int64(base.rawValue)))
                if keepingBytes { try copyBlob(of: node, to: copy, reader) }
            }
            records.append(.bytes(node, file: copy.number))
            if isSynced { records.append(.synced(node)) }
            try writeJournal(records)
        } catch {
            // Nothing names it: recovery would remove it too.
            try? copy.remove()
            throw error
        }
        return StagedBytes(copy, in: space)
    }

    /// What was durable is as durable in the copy.
    private func copyStaged(
        _ old: StagedBytes,
        to new: StagedFileBytes,
        syncing: Bool,
        _ node: NodeNumber
    ) throws(LociError) {
        try Mount.staged("node \(node)") { () throws(Errno) in
            let target = try new.openAnew()
            _ = try old.copyContents(to: target.file)
            guard syncing else { return }
            try target.file.syncContent()
            try space.session.syncNames()
        }
    }

    private func copyBlob(
        of node: NodeNumber,
        to new: StagedFileBytes,
        _ reader: CatalogReader
    ) throws(LociError) {
        let blob = try tenant.openBlob(shownBy: node, reader: reader)
        try Mount.staged("node \(node)") { () throws(Errno) in
            _ = try blob.copyContents(to: new.openAnew().file)
        }
    }

    private func readBlob(
        of node: NodeNumber,
        count: Int,
        _ reader: CatalogReader
    ) throws(LociError) -> [UInt8] {
        let blob = try tenant.openBlob(shownBy: node, reader: reader)
        return try Mount.staged("node \(node)") { () throws(Errno) in
            try blob.read(count: count, at: 0)
        }
    }
}
