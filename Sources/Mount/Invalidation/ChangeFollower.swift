import Catalog
package import Linux
package import Model
import SQL
import Synchronization

/// Follows the change log and drops from the kernel's caches what each change made wrong.
///
/// It looks when `wake` was touched (after each commit, also of other processes), when this mount
/// registered changes of its own, and once a second.
package final class ChangeFollower: Sendable {
    /// Rows read at once.
    static let batch = 512
    /// How long a change of this session may stay unregistered before it counts as unknown.
    static let patience: Int64 = 20_000_000
    /// A lookup that was being answered may have made a directory's name valid again.
    static let secondLook: Int64 = 1_000_000_000

    private let catalog: Catalog
    let invalidator: Invalidator
    private let ownChanges: OwnChanges
    private let registered: WakeEvent
    private let stopping = Atomic<Bool>(false)
    private let thread = Mutex<Thread?>(nil)
    private let followed: Mutex<ChangeNumber>
    private let mark: SessionMark
    private let afterward: @Sendable (CatalogReader) -> Void

    /// Follows changes above `start`; nothing runs yet.
    ///
    /// `mark` gets what was followed, for whoever takes over.
    /// `registered` is signalled when `ownChanges` got something; `afterward` is called after each
    /// look, on the follower's thread.
    init(
        _ catalog: Catalog,
        from start: ChangeNumber,
        _ invalidator: Invalidator,
        _ ownChanges: OwnChanges,
        registered: WakeEvent,
        mark: SessionMark,
        afterward: @escaping @Sendable (CatalogReader) -> Void
    ) {
        self.catalog = catalog
        self.invalidator = invalidator
        self.ownChanges = ownChanges
        self.registered = registered
        self.mark = mark
        self.afterward = afterward
        followed = Mutex(start)
    }

    /// The newest change whose consequences the kernel knows.
    package var followedThrough: ChangeNumber { followed.withLock { $0 } }

    package func start() throws(Errno) {
        let watch = FileWatchBox(try FileWatch(catalog.directory + "/wake"))
        let started = try Thread.spawn(name: "loci-names") { self.run(watch) }
        thread.withLock { $0 = started }
    }

    package func stop() {
        stopping.store(true, ordering: .releasing)
        registered.signal()
        thread.withLock { $0 }?.join()
    }

    /// Owns the watch for the thread's life.
    private final class FileWatchBox: Sendable {
        let watch: FileWatch

        init(_ watch: consuming FileWatch) { self.watch = watch }
    }

    private func run(_ box: FileWatchBox) {
        guard let reader = try? catalog.makeReader(cacheBytes: 1 << 20) else { return }
        var state = State(version: try? reader.dataVersion())
        while !stopping.load(ordering: .acquiring) {
            let timeout: Duration =
                state.own.isEmpty && state.again.isEmpty ? .seconds(1) : .milliseconds(5)
            _ = try? Poll.wait(
                [(box.watch.descriptor, .readable), (registered.descriptor, .readable)],
                timeout: timeout
            )
            _ = try? box.watch.take()
            _ = registered.take()
            do {
                try look(&state, reader)
            } catch {
                // The catalog was busy; the next look reads the same rows again.
            }
            afterward(reader)
        }
    }

    /// What one pass hands to the next.
    private struct State {
        var version: Int64?
        /// Changes of this session that nobody registered yet, and since when.
        var own: [(change: ChangeRow, seen: Int64)] = []
        /// Directory names to expire a second time, and when.
        var again: [(name: Name, directory: NodeNumber, due: Int64)] = []
        /// What the mark says.
        var noted: ChangeNumber?
    }

    private func look(_ state: inout State, _ reader: CatalogReader) throws {
        var dropper = NameDropper(invalidator)
        try reader.snapshot {
            // First of all, and of the same snapshot: requests see other processes' commits from now
            // on, and none of what is dropped below can be answered as it was.
            let version = try reader.dataVersion()
            if version != state.version { catalog.noteForeignCommit() }
            state.version = version
            try followOwn(&state, reader, &dropper)
            while true {
                let rows = try reader.changes(
                    after: followed.withLock { $0 },
                    limit: Self.batch
                )
                // Retention has cut the log where it was not yet followed: nobody knows what changed.
                let next = followed.withLock { $0.rawValue } + 1
                if let first = rows.first, first.number.rawValue != next { invalidator.dropAll() }
                for row in rows { try follow(row, &state, reader, &dropper) }
                guard let last = rows.last else { break }
                followed.withLock { $0 = last.number }
                if rows.count < Self.batch { break }
            }
        }
        dropper.finish()
        let now = SystemClock.monotonic()
        state.again += dropper.directories.map { ($0.name, $0.directory, now + Self.secondLook) }
        let table = try reader.layouts()
        for item in state.again where item.due <= now {
            invalidator.drop(item.name, in: item.directory, .expire, table)
        }
        state.again.removeAll { $0.due <= now }
        invalidator.flush()
        let oldest = state.own.map(\.change.number.rawValue).min()
        let done = oldest.map { ChangeNumber($0 - 1) } ?? followed.withLock { $0 }
        ownChanges.forget(through: done)
        note(done, &state)
    }

    /// Writes down what the kernel knows.
    ///
    /// What it was not yet told of stays ahead of the mark, and is followed again by whoever takes
    /// over: that costs lookups only.
    private func note(_ done: ChangeNumber, _ state: inout State) {
        guard state.again.isEmpty, invalidator.isSettled, state.noted != done else { return }
        // Where it cannot be written, more than needed is followed again.
        try? mark.write(UInt64(done.rawValue))
        state.noted = done
    }

    private func follow(
        _ row: ChangeRow,
        _ state: inout State,
        _ reader: CatalogReader,
        _ dropper: inout NameDropper
    ) throws {
        guard row.session == catalog.session else {
            return try dropper.follow(row, known: nil, reader)
        }
        if let known = ownChanges.known(of: row.number) {
            try dropper.follow(row, known: known, reader)
        } else {
            state.own.append((row, SystemClock.monotonic()))
        }
    }

    /// Changes of this session are followed once it is known what the kernel knows of them.
    private func followOwn(
        _ state: inout State,
        _ reader: CatalogReader,
        _ dropper: inout NameDropper
    ) throws {
        let now = SystemClock.monotonic()
        var waiting: [(change: ChangeRow, seen: Int64)] = []
        for item in state.own {
            if let known = ownChanges.known(of: item.change.number) {
                try dropper.follow(item.change, known: known, reader)
            } else if now - item.seen > Self.patience {
                try dropper.follow(item.change, known: nil, reader)
            } else {
                waiting.append(item)
            }
        }
        state.own = waiting
    }
}
