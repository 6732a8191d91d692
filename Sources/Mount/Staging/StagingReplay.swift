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
    /// Unborn files that lost their name: they matter to who has them open, as long as the mount
    /// lives.
    package private(set) var nameless: [NodeNumber: Entry] = [:]
    /// The requests that were done, by the kernel's number.
    package private(set) var requests: Set<UInt64> = []

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
            update(node) { entry in
                entry.file = file
                entry.content = nil
                entry.isSynced = false
            }
        case .inline(let node):
            update(node) { entry in
                entry.file = nil
                entry.content = []
                entry.isSynced = false
            }
        case .content(let node, let offset, let bytes, let mtime):
            // After a power cut too: what stands in the journal was written in this order.
            update(node) { entry in
                entry.content?.put(bytes, at: Int(offset))
                entry.contentTime = mtime
            }
        case .length(let node, let size, let mtime):
            update(node) { entry in
                entry.content?.resize(to: Int(size))
                entry.contentTime = mtime
            }
        case .unnamed(let node):
            nameless[node] = entries.removeValue(forKey: node)
        case .attributes(let node, let attributes): update(node) { $0.attributes = attributes }
        case .synced(let node): update(node) { $0.isSynced = true }
        case .replaces(let node, let memory):
            entries[node, default: Entry()].replaces = memory
        case .dropped(let node):
            entries[node] = nil
            nameless[node] = nil
        case .requested(let request, let record):
            requests.insert(request)
            apply(record)
        }
    }

    /// Changes what is known of a node, whether it has a name or not.
    private mutating func update(_ node: NodeNumber, _ body: (inout Entry) -> Void) {
        if nameless[node] == nil {
            body(&entries[node, default: Entry()])
        } else {
            body(&nameless[node, default: Entry()])
        }
    }
}
