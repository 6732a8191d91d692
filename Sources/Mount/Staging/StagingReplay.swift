package import Model

/// What a journal says of the nodes that were staged when its session ended.
///
/// A pure value: records in, nodes out.
package struct StagingReplay: Sendable {
    /// What is known of one node.
    package struct Entry: Hashable, Sendable {
        package var place: StagedPlace?
        package var recalls: Int64?
        package var attributes: JournalAttributes?
        package var memory: Int64?
        package var base: Int64 = 0
        package var file: UInt64?
        /// The bytes themselves, where the journal has them.
        package var content: [UInt8]?
        /// When `content` was last written to.
        package var contentTime: Int64?
        package var isSynced = false
        /// The memory that it was being renamed over.
        package var replaces: Int64?
    }

    package private(set) var entries: [NodeNumber: Entry] = [:]

    package init(_ records: [JournalRecord]) {
        for record in records { apply(record) }
    }

    private mutating func apply(_ record: JournalRecord) {
        switch record {
        case .created(let node, let place, let attributes, let recalls):
            entries[node, default: Entry()].place = place
            entries[node]?.recalls = recalls
            entries[node]?.attributes = attributes
            // A rename over a memory that failed is taken back by giving the name again.
            entries[node]?.replaces = nil
        case .attached(let node, let memory, let base):
            entries[node, default: Entry()].memory = memory
            entries[node]?.base = base
            entries[node]?.place = nil
        case .bytes(let node, let file):
            entries[node, default: Entry()].file = file
            entries[node]?.content = nil
            entries[node]?.isSynced = false
        case .inline(let node):
            entries[node, default: Entry()].file = nil
            entries[node]?.content = []
            entries[node]?.isSynced = false
        case .content(let node, let offset, let bytes, let mtime):
            // After a power cut too: what stands in the journal was written in this order.
            entries[node]?.content?.put(bytes, at: Int(offset))
            entries[node]?.contentTime = mtime
        case .length(let node, let size, let mtime):
            entries[node]?.content?.resize(to: Int(size))
            entries[node]?.contentTime = mtime
        case .unnamed(let node):
            // Nobody could reach it but who had it open, and they are gone.
            entries[node] = nil
        case .attributes(let node, let attributes):
            entries[node, default: Entry()].attributes = attributes
        case .synced(let node):
            entries[node, default: Entry()].isSynced = true
        case .replaces(let node, let memory):
            entries[node, default: Entry()].replaces = memory
        case .dropped(let node):
            entries[node] = nil
        }
    }
}
