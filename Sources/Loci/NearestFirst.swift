import Catalog

/// Hands out matches, the nearest first, as a heap: those that nobody asks for are not sorted.
///
/// A filter may pass over any number of matches, so how many are needed is not known before.
///
/// Invariant: the match at `n` is not after those at `2n + 1` and `2n + 2`.
///
/// Complexity: O(n) to make, O(log n) for each that is handed out.
struct NearestFirst: Sequence, IteratorProtocol {
    private var heap: [VectorMatch]

    init(_ matches: [VectorMatch]) {
        heap = matches
        for index in (0..<heap.count / 2).reversed() { sink(index) }
    }

    mutating func next() -> VectorMatch? {
        guard let nearest = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return nearest }
        heap[0] = last
        sink(0)
        return nearest
    }

    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            var child = 2 * index + 1
            guard child < heap.count else { return }
            if child + 1 < heap.count, Self.isBefore(heap[child + 1], heap[child]) { child += 1 }
            guard Self.isBefore(heap[child], heap[index]) else { return }
            heap.swapAt(child, index)
            index = child
        }
    }

    /// What was added last comes first among equals.
    private static func isBefore(_ one: VectorMatch, _ other: VectorMatch) -> Bool {
        (one.score, one.memory) > (other.score, other.memory)
    }
}
