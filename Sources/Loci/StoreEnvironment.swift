package import Blobs
import Linux
package import Model

/// What a store takes from outside: time, randomness, and in tests a hand in its steps.
package struct StoreEnvironment: Sendable {
    /// The time of every row.
    package var clock: @Sendable () -> Timestamp
    /// Draws the id of a memory that is made at a time.
    package var makeID: @Sendable (Timestamp) -> MemoryID
    /// Stands around the store of blobs: a crash test's, or a throttled one.
    package var wrapBlobs: @Sendable (DirectoryBlobStore) -> any BlobStore
    /// Told of each durable step before it is taken.
    package var probe: StepProbe

    package init(
        clock: @escaping @Sendable () -> Timestamp = {
            Timestamp(nanoseconds: SystemClock.realtime())
        },
        makeID: @escaping @Sendable (Timestamp) -> MemoryID = { time in
            var generator = SystemRandomNumberGenerator()
            return MemoryID(time: time, using: &generator)
        },
        wrapBlobs: @escaping @Sendable (DirectoryBlobStore) -> any BlobStore = { $0 },
        probe: StepProbe = StepProbe()
    ) {
        self.clock = clock
        self.makeID = makeID
        self.wrapBlobs = wrapBlobs
        self.probe = probe
    }
}

/// A hook before each durable step of a write: a crash test stops there.
package struct StepProbe: Sendable {
    /// The steps, by the numbers that the code has for them.
    package enum Step: String, Hashable, Sendable, CaseIterable {
        /// ① The keys are recorded as `placing`.
        case account
        /// ② The bytes get their keys.
        case place
        /// ③ Bytes and keys become durable.
        case sync
        /// ④ Rows name the keys.
        case commit
        /// A key that nobody needs is unlinked.
        case collect
        /// A key that was unlinked is forgotten.
        case forget
    }

    /// Throws where the process is to end.
    package var before: @Sendable (Step) throws(LociError) -> Void

    package init(
        before: @escaping @Sendable (Step) throws(LociError) -> Void = { _ throws(LociError) in }
    ) {
        self.before = before
    }
}
