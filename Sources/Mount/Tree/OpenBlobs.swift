import Linux
import Model

/// A few blob files that one thread reads in pieces, the longest unused closed first.
///
/// A blob never changes, so a file that is open stays right for its revision, wherever the migrator
/// moves its name. Small files are read whole and never kept.
final class OpenBlobs {
    /// Descriptors that a thread keeps: with 8 threads 256, a quarter of the usual limit.
    static let capacity = 32

    private final class Open {
        let file: File
        let revision: RevisionNumber
        var generation: UInt64
        var lastUse: UInt64 = 0

        init(_ file: consuming File, _ revision: RevisionNumber, generation: UInt64) {
            self.file = file
            self.revision = revision
            self.generation = generation
        }
    }

    private var open: [NodeNumber: Open] = [:]
    private var clock: UInt64 = 0

    /// The descriptor for `node`, where it is open and known to be right at `generation`.
    func descriptor(_ node: NodeNumber, generation: UInt64) -> Int32? {
        guard let found = open[node], found.generation == generation else { return nil }
        return use(found)
    }

    /// The descriptor for `node`, where it is open and shows `revision`: right at `generation` too.
    func descriptor(
        _ node: NodeNumber,
        revision: RevisionNumber,
        generation: UInt64
    ) -> Int32? {
        guard let found = open[node], found.revision == revision else { return nil }
        found.generation = generation
        return use(found)
    }

    private func use(_ file: Open) -> Int32 {
        clock += 1
        file.lastUse = clock
        return file.file.descriptor
    }

    func keep(
        _ file: consuming File,
        of node: NodeNumber,
        revision: RevisionNumber,
        generation: UInt64
    ) -> Int32 {
        if open.count >= Self.capacity,
            let oldest = open.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            open[oldest.key] = nil
        }
        let kept = Open(file, revision, generation: generation)
        open[node] = kept
        return use(kept)
    }

    func closeAll() { open.removeAll() }
}
