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
                    if let cursor { return try tenant.changes(after: cursor) }
                    return try tenant.changes(after: try tenant.lastChange())
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

    /// Follows the change log after a number: no gap, no repeat.
    public func changes(following number: ChangeNumber) -> ChangeFeed {
        ChangeFeed(self, after: number)
    }
}
