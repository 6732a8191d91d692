import Catalog
import Model
import Synchronization

/// Nodes that lost their names through this mount, and that the kernel still has a use for.
///
/// Nearly always empty, and then costs its readers one atomic load. The kernel forgets each of them
/// in the end.
final class UnlinkedNodes: Sendable {
    enum Kind: Sendable {
        /// A memory, or a file that never became one, and when it lost its name, in nanoseconds since
        /// 1970: the row of a memory that was saved over tells of it only after the next commit.
        case file(since: Int64)
        /// What tools keep: its row and bytes go when the kernel forgets it.
        case foreign
        /// A partition, whose row is gone: what it was.
        case directory(Node)
    }

    private let count = Atomic<Int>(0)
    private let nodes = Mutex<[NodeNumber: Kind]>([:])

    func insert(_ node: NodeNumber, _ kind: Kind) {
        nodes.withLock { nodes in
            nodes[node] = kind
            count.store(nodes.count, ordering: .releasing)
        }
    }

    /// What a node was that has no name any more; nil where it has one.
    func find(_ node: NodeNumber) -> Kind? {
        guard count.load(ordering: .acquiring) > 0 else { return nil }
        return nodes.withLock { $0[node] }
    }

    /// The kernel has no use for a node any more, or it got a name again.
    @discardableResult
    func remove(_ node: NodeNumber) -> Kind? {
        guard count.load(ordering: .acquiring) > 0 else { return nil }
        return nodes.withLock { nodes in
            let kind = nodes.removeValue(forKey: node)
            count.store(nodes.count, ordering: .releasing)
            return kind
        }
    }
}
