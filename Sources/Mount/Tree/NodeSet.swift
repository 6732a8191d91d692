import Model
import Synchronization

/// A set of nodes that is nearly always empty, and then costs its readers one atomic load.
final class NodeSet: Sendable {
    private let count = Atomic<Int>(0)
    private let nodes = Mutex<Set<NodeNumber>>([])

    func insert(_ node: NodeNumber) {
        nodes.withLock { nodes in
            if nodes.insert(node).inserted { count.add(1, ordering: .releasing) }
        }
    }

    /// Whether it was there.
    func remove(_ node: NodeNumber) -> Bool {
        guard count.load(ordering: .acquiring) > 0 else { return false }
        return nodes.withLock { nodes in
            guard nodes.remove(node) != nil else { return false }
            count.subtract(1, ordering: .releasing)
            return true
        }
    }
}
