package import Blobs
import Linux
package import Model
package import SQL

/// What a store takes from outside: time, randomness, and in tests a hand in its steps.
package struct StoreEnvironment: Sendable {
    /// The time of every row.
    package var clock: @Sendable () -> Timestamp
    /// Draws the id of a memory that is made at a time.
    package var makeID: @Sendable (Timestamp) -> MemoryID
    /// Stands around the store of blobs: a crash test's, or a throttled one.
    package var wrapBlobs: @Sendable (DirectoryBlobStore) -> any BlobStore
    /// Stands around each connection that writes to a catalog: a crash test's.
    package var wrapSQL: @Sendable (any SQLConnection) -> any SQLConnection

    package init(
        clock: @escaping @Sendable () -> Timestamp = {
            Timestamp(nanoseconds: SystemClock.realtime())
        },
        makeID: @escaping @Sendable (Timestamp) -> MemoryID = { time in
            var generator = SystemRandomNumberGenerator()
            return MemoryID(time: time, using: &generator)
        },
        wrapBlobs: @escaping @Sendable (DirectoryBlobStore) -> any BlobStore = { $0 },
        wrapSQL: @escaping @Sendable (any SQLConnection) -> any SQLConnection = { $0 }
    ) {
        self.clock = clock
        self.makeID = makeID
        self.wrapBlobs = wrapBlobs
        self.wrapSQL = wrapSQL
    }
}
