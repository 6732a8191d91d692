import Synchronization

/// How far a long piece of work is.
public struct Progress: Hashable, Sendable {
    /// How many things are done.
    public let done: Int64
    /// How many there are; nil while nobody knows.
    public let total: Int64?

    /// Makes a report of progress.
    public init(done: Int64, total: Int64?) {
        self.done = done
        self.total = total
    }
}

/// Progress as it comes: hand it to a function that takes long, and iterate over it meanwhile.
///
/// Who is slow sees the newest report only. The sequence ends with the work. For one iteration.
public struct ProgressFeed: AsyncSequence, Sendable {
    /// A report.
    public typealias Element = Progress

    private let stream: AsyncStream<Progress>
    private let continuation: AsyncStream<Progress>.Continuation

    /// Makes a feed that nothing reports to yet.
    public init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Iterates over the reports.
    public func makeAsyncIterator() -> AsyncStream<Progress>.Iterator {
        stream.makeAsyncIterator()
    }

    /// Tells how far the work is.
    package func report(_ done: Int64, of total: Int64?) {
        continuation.yield(Progress(done: done, total: total))
    }

    /// Tells that the work is over.
    package func finish() { continuation.finish() }
}
