import Loci

/// Which bodies may be on their way to a mapper: a pure value.
///
/// A body counts, by its bytes in the store, from when it is read until its memory is answered for,
/// or its process failed.
struct MapperBodies: Sendable {
    /// The bytes of all that are on their way; a single one may have more.
    static let limit: Int64 = 32 << 20

    private var waiting: [MemoryID] = []
    private var sizes: [MemoryID: Int64] = [:]
    private var onTheirWay: Set<MemoryID> = []
    private var total: Int64 = 0

    mutating func add(_ id: MemoryID, size: Int64) {
        release(id)
        waiting.append(id)
        // What is too large is never read.
        sizes[id] = size > MapperRequest.largestBody ? 0 : max(0, size)
    }

    /// The next one to read; nil while enough are on their way.
    mutating func next() -> MemoryID? {
        guard let id = waiting.first, let size = sizes[id],
            total == 0 || total + size <= Self.limit
        else { return nil }
        waiting.removeFirst()
        onTheirWay.insert(id)
        total += size
        return id
    }

    /// Nobody waits for it any more.
    mutating func release(_ id: MemoryID) {
        guard let size = sizes.removeValue(forKey: id) else { return }
        if onTheirWay.remove(id) != nil { total -= size } else { waiting.removeAll { $0 == id } }
    }
}
