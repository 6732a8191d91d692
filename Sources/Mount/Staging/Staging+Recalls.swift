package import Catalog
package import Model
import Synchronization

// Names that memories lost within the last two seconds.

extension Staging {
    /// A memory was unlinked: a file that the same user creates there at once continues it, and is
    /// listed where that was.
    package func noteUnlinked(
        _ memory: Int64,
        _ name: Name,
        in directory: NodeNumber,
        at position: ListingPosition?,
        by caller: Caller
    ) {
        let now = options.now()
        names.withLock {
            $0.recalls.note(
                memory,
                name,
                in: directory,
                listedAt: position,
                uid: caller.origin.uid,
                at: now
            )
        }
    }

    /// A file that was to continue a memory lost the name before it was born: the next one that
    /// is created there does.
    func recallAgain(
        _ memory: Int64?,
        at place: StagedPlace,
        by uid: UInt32,
        _ names: inout Names
    ) {
        guard let memory else { return }
        let now = options.now()
        names.recalls.note(
            memory,
            place.name,
            in: place.directory,
            listedAt: place.position,
            uid: uid,
            at: now
        )
    }

    /// A memory was renamed.
    ///
    /// Within its directory that is how editors make a backup: a file that the same user creates at
    /// the old name at once continues it. A memory that was moved to another directory is meant to
    /// go there. The memory's position stays with it, also when it goes back to the old name: two names
    /// that change places in a listing would be met twice, or not at all.
    package func noteRenamed(
        _ memory: Int64,
        from name: Name,
        in directory: NodeNumber,
        to newDirectory: NodeNumber,
        by caller: Caller
    ) {
        guard newDirectory == directory else { return }
        noteUnlinked(memory, name, in: directory, at: nil, by: caller)
    }
}
