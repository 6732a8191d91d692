import Catalog
import Linux
import Model

/// Read connections that nobody uses at the moment, with their compiled statements.
// Safe to share: a reader is in the pool or with one caller, and the pool is guarded by `lock`.
final class ReaderPool: @unchecked Sendable {
    /// Idle connections that are kept; each has a page cache of up to 4 MiB.
    private static let kept = 4

    private let lock = Lock()
    private var idle: [CatalogReader] = []

    /// Runs `body` on one state of the catalog.
    func read<R>(
        _ catalog: Catalog,
        _ body: (CatalogReader) throws -> R
    ) throws(LociError) -> R {
        let reader: CatalogReader
        if let kept = lock.withLock({ idle.popLast() }) {
            reader = kept
        } else {
            reader = try catalog.makeReader()
        }
        do {
            let result = try reader.snapshot { try body(reader) }
            lock.withLock {
                if idle.count < Self.kept { idle.append(reader) }
            }
            return result
        } catch {
            // A reader whose work failed is not used again.
            throw LociError(catalogError: error, subject: catalog.path)
        }
    }
}
