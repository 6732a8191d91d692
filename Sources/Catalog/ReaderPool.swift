import Linux

/// Read connections that nobody uses at the moment, with their compiled statements.
///
/// Opening one reads the schema, which takes longer than most of what is asked.
// Safe to share: a reader is in the pool or with one caller, and the pool is guarded by `lock`.
final class ReaderPool: @unchecked Sendable {
    /// Idle connections that are kept, each with a page cache of up to 4 MiB: 16 MiB at most.
    private static let kept = 4

    private let lock = Lock()
    private var idle: [CatalogReader] = []

    /// Runs `body` on one state of the catalog.
    ///
    /// `make`: opens a connection where none is idle.
    func read<R>(
        _ make: () throws -> CatalogReader,
        _ body: (CatalogReader) throws -> R
    ) throws -> R {
        let reader = try lock.withLock({ idle.popLast() }) ?? make()
        // A reader whose work failed is not used again.
        let result = try reader.snapshot { try body(reader) }
        keep(reader)
        return result
    }

    /// Takes a reader that the caller will not use again.
    func keep(_ reader: CatalogReader) {
        lock.withLock {
            if idle.count < Self.kept { idle.append(reader) }
        }
    }
}
