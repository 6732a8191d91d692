import Linux
import Model
import Synchronization

/// Work on the elements of an array by several threads, for files: the disk and the kernel have
/// more hands than one.
enum Parallel {
    /// Threads that write or hash files at the same time.
    static let width = 4

    /// Calls `body` with each index below `count`, in no order; ends early where one call throws.
    static func forEach(
        _ count: Int,
        _ body: @escaping @Sendable (Int) throws(LociError) -> Void
    ) throws(LociError) {
        let work = Work(count: count, body: body)
        var helpers: [Thread] = []
        for _ in 1..<max(1, min(width, count / 8)) {
            // Without helpers the caller does it alone.
            guard let helper = try? Thread.spawn(name: "loci-files", { work.run() }) else { break }
            helpers.append(helper)
        }
        work.run()
        for helper in helpers { helper.join() }
        if let failure = work.failure.withLock({ $0 }) { throw failure }
    }

    private final class Work: Sendable {
        let count: Int
        let body: @Sendable (Int) throws(LociError) -> Void
        let next = Atomic<Int>(0)
        let failure = Mutex<LociError?>(nil)

        init(count: Int, body: @escaping @Sendable (Int) throws(LociError) -> Void) {
            self.count = count
            self.body = body
        }

        func run() {
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                do throws(LociError) {
                    try body(index)
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                    next.store(count, ordering: .relaxed)
                }
            }
        }
    }
}

/// A place for each result of parallel work.
final class Slots<Element: Sendable>: Sendable {
    private let elements: Mutex<[Element?]>

    init(count: Int) { elements = Mutex(Array(repeating: nil, count: count)) }

    func put(_ element: Element, at index: Int) {
        elements.withLock { $0[index] = element }
    }

    /// What was put, in order; what was not is left out.
    var all: [Element] { elements.withLock { $0.compactMap(\.self) } }
}
