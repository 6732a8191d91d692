import Catalog
public import Model

/// The change log as it grows: every change after a number, once, in order, whichever process made
/// it.
///
/// It ends when its task is cancelled. Any number of iterations are independent of each other.
public struct ChangeFeed: AsyncSequence, Sendable {
    /// A change.
    public typealias Element = Change
    /// What the catalog can throw.
    public typealias Failure = LociError

    private let tenant: Tenant
    /// nil: what comes after the iteration began.
    private let start: ChangeNumber?

    init(_ tenant: Tenant, after start: ChangeNumber?) {
        self.tenant = tenant
        self.start = start
    }

    /// Begins at the number that the feed was made with, or now.
    public func makeAsyncIterator() -> AsyncIterator {
        // Where the catalog cannot be read now, the first look at it throws.
        AsyncIterator(tenant: tenant, cursor: start ?? (try? tenant.lastChange()))
    }

    /// One reader's place in the log.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let tenant: Tenant
        fileprivate var cursor: ChangeNumber?
        private var page: ArraySlice<Change> = []

        fileprivate init(tenant: Tenant, cursor: ChangeNumber?) {
            self.tenant = tenant
            self.cursor = cursor
        }

        /// The next change; waits for it.
        ///
        /// Nil when the task is cancelled.
        public mutating func next() async throws(LociError) -> Change? {
            try await next(isolation: nil)
        }

        /// The next change; waits for it.
        ///
        /// Nil when the task is cancelled.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(LociError) -> Change? {
            while !Task.isCancelled {
                if let change = page.popFirst() {
                    cursor = change.number
                    return change
                }
                let generation = try tenant.watcher.arm()
                let (tenant, cursor) = (tenant, cursor)
                page = try await tenant.work { () throws(LociError) in
                    if let cursor { return try tenant.feed(after: cursor) }
                    return try tenant.feed(after: try tenant.lastChange())
                }[...]
                if page.isEmpty { await tenant.watcher.wait(beyond: generation) }
            }
            return nil
        }
    }
}

extension Tenant {
    /// Follows the change log from now on: from where an iteration begins.
    public var changes: ChangeFeed { ChangeFeed(self, after: nil) }

    /// The changes after a number, oldest first, at most `limit`.
    ///
    /// Throws `notFound` where retention has cut some of them off the log: a feed has no gap;
    /// `futureDate` for a number that is ahead of it.
    public func feed(
        after number: ChangeNumber,
        limit: Int = 1000
    ) throws(LociError) -> [Change] {
        let changes = try changes(after: number, limit: limit)
        if changes.isEmpty, case let last = try lastChange(), number > last {
            throw LociError(
                .futureDate,
                subject: "change \(number)",
                message:
                    "There is no change \(number) yet: the newest is \(last). A cursor that is "
                    + "ahead is of another tenant, or of what a backup was restored over.",
                remedy: "Begin anew with what is there: --from \(last)"
            )
        }
        guard let first = changes.first, first.number.rawValue != number.rawValue + 1 else {
            return changes
        }
        throw LociError(
            .notFound,
            subject: "change \(number.rawValue + 1)",
            message: "The changes from \(number.rawValue + 1) to \(first.number.rawValue - 1) are "
                + "kept no longer.",
            remedy: "Begin with what is left: --from \(first.number.rawValue - 1)"
        )
    }

    /// The newest change that retention has cut off the log; 0 where it is whole.
    public func logBegins() throws(LociError) -> ChangeNumber {
        try read { reader in ChangeNumber(try reader.logAnchor().number) }
    }

    /// Follows the change log after a number: no gap, no repeat.
    ///
    /// It throws `notFound` where retention has cut some of them off the log.
    public func changes(following number: ChangeNumber) -> ChangeFeed {
        ChangeFeed(self, after: number)
    }
}
