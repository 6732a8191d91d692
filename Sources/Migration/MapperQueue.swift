import Linux
import Loci

/// Which child of a mapper is asked about which memory, and what a child's failure means.
///
/// A pure value: it starts nothing and reads no clock; times are nanoseconds that are passed in.
///
/// ```
/// add ─▶ waiting ─ next ─▶ asked ─ answered ─▶ gone
///                            │ the child failed
///                            ▼
///                         suspects ─ next, one alone ─▶ asked
/// ```
///
/// Whoever fails with several memories in flight does not say which of them was too much: they are
/// asked again one at a time, by turns, and what fails so `tries` times is given up. Where failures
/// follow each other with no answer between them, memories that were never asked about are tried
/// alone: where those fail too, the mapper is broken, and nobody's fault is noted.
struct MapperQueue: Sendable {
    // MARK: Bounds

    /// How many memories one child is asked about at the same time.
    static let window = 16
    /// How often one memory may fail alone.
    static let tries = 3
    /// So many failures with no answer between them, and memories that are fresh are tried.
    static let failuresInDoubt = 2
    /// So many failures with no answer between them, the last with a fresh memory alone, and the
    /// mapper is broken.
    static let failuresInARow = 6
    /// So many children may end though nothing was asked of them, and one more for each
    /// `answersAnEnd`.
    static let idleEndsAllowed = 16
    static let answersAnEnd = 4

    // MARK: State

    private struct Asked {
        let child: Int
        var due: Int64
        var isAwaitingBody = false
        /// Nothing else is asked of its child meanwhile.
        var isAlone = false
        /// It was never asked about alone before, and stands for all that were never asked about.
        var isFresh = false
    }

    /// How long a child may take for an answer.
    let timeout: Int64
    private var waiting: [MemoryID] = []
    private var suspects: [MemoryID] = []
    private var asked: [MemoryID: Asked] = [:]
    /// How often each has failed alone.
    private var strikes: [MemoryID: Int] = [:]
    /// When each child last said something, or began to have something to say.
    private var heard: [Int: Int64] = [:]
    /// What each child answered last, to tell an answer that comes twice.
    private var answered: [Int: [MemoryID]] = [:]
    private var takesNewest = false
    private var idleEnds = 0
    private var failuresSinceAnswer = 0
    private var answers = 0

    init(timeout: Duration) { self.timeout = max(1, timeout.wholeNanoseconds) }

    /// Whether somebody could be asked something.
    var hasWork: Bool { !waiting.isEmpty || !suspects.isEmpty }

    /// Whether an answer of a child is still awaited.
    func isAsked(_ child: Int) -> Bool { asked.values.contains { $0.child == child } }

    mutating func add(_ id: MemoryID) { waiting.append(id) }

    /// Forgets a memory that nobody wants to know about any more.
    ///
    /// Returns false while it is being asked about: its answer must be awaited.
    mutating func withdraw(_ id: MemoryID) -> Bool {
        guard asked[id] == nil else { return false }
        waiting.removeAll { $0 == id }
        suspects.removeAll { $0 == id }
        strikes[id] = nil
        return true
    }

    /// What `child` is to be asked next; nil while it has enough.
    mutating func next(for child: Int, now: Int64) -> MemoryID? {
        let mine = asked.values.filter { $0.child == child }
        var one = Asked(child: child, due: due(now, behind: mine.count))
        let id: MemoryID?
        if failuresSinceAnswer >= Self.failuresInDoubt || !suspects.isEmpty {
            guard mine.isEmpty else { return nil }
            let fresh = failuresSinceAnswer >= Self.failuresInDoubt ? takeFresh() : nil
            (one.isAlone, one.isFresh) = (true, fresh != nil)
            id = fresh ?? (suspects.isEmpty ? nil : suspects.removeFirst())
        } else {
            guard mine.count < Self.window, !mine.contains(where: \.isAlone) else { return nil }
            id = waiting.isEmpty ? nil : waiting.removeFirst()
        }
        guard let id else { return nil }
        if mine.isEmpty { heard[child] = now }
        asked[id] = one
        return id
    }

    /// A memory that can tell whether the mapper works at all: by turns the newest and the oldest
    /// that waits, for those that fail may lie together; before any answer, also one that only
    /// failed together with others.
    private mutating func takeFresh() -> MemoryID? {
        takesNewest.toggle()
        let found = takesNewest ? waiting.max() : waiting.min()
        if let found, let index = waiting.firstIndex(of: found) { return waiting.remove(at: index) }
        guard answers == 0, let index = suspects.lastIndex(where: { strikes[$0] == nil }) else {
            return nil
        }
        return suspects.remove(at: index)
    }

    private func due(_ now: Int64, behind: Int) -> Int64 {
        let (span, overflow) = timeout.multipliedReportingOverflow(by: Int64(behind + 1))
        return overflow || span > .max - now ? .max : now + span
    }

    // MARK: Answers

    /// What an answer of a child is for.
    enum Reception: Hashable, Sendable {
        case expected
        /// It was asked, answered, and answers again.
        case repeated
        /// It was not asked that.
        case unknown
    }

    mutating func receive(_ id: MemoryID, from child: Int, now: Int64) -> Reception {
        guard let one = asked[id], one.child == child, !one.isAwaitingBody else {
            return answered[child]?.contains(id) == true ? .repeated : .unknown
        }
        heard[child] = now
        return .expected
    }

    /// The expected answer decided the memory.
    mutating func finish(_ id: MemoryID, now: Int64) {
        guard let child = asked.removeValue(forKey: id)?.child else { return }
        strikes[id] = nil
        answers += 1
        failuresSinceAnswer = 0
        var last = answered[child] ?? []
        last.append(id)
        if last.count > 4 * Self.window { last.removeFirst() }
        answered[child] = last
    }

    /// The expected answer asks for the body; no time runs until it is there.
    mutating func awaitBody(_ id: MemoryID) { asked[id]?.isAwaitingBody = true }

    /// The child that waits for the body; nil where it failed meanwhile.
    mutating func bodyArrived(_ id: MemoryID, now: Int64) -> Int? {
        guard var one = asked[id], one.isAwaitingBody else { return nil }
        one.isAwaitingBody = false
        one.due = due(now, behind: asked.values.count { $0.child == one.child })
        asked[id] = one
        heard[one.child] = now
        return one.child
    }

    // MARK: Failures

    /// When a child counts as hanging, where it says nothing; nil while nothing is asked of it.
    func deadline(of child: Int) -> Int64? {
        let mine = asked.values.filter { $0.child == child && !$0.isAwaitingBody }
        guard let first = mine.map(\.due).min() else { return nil }
        return min(first, due(heard[child] ?? 0, behind: 0))
    }

    /// What a child's failure leads to.
    struct Verdict: Hashable, Sendable {
        /// The memory that is not asked about again, for it failed alone so many times.
        var givenUp: MemoryID?
        var attempts = 0
        /// Whether no child is to be started again; whatever is not decided stays so.
        var isBroken = false
        /// What the child was asked about when it failed.
        var inFlight: [MemoryID] = []
    }

    mutating func fail(_ child: Int) -> Verdict {
        let mine = asked.filter { $0.value.child == child }
        for id in mine.keys { asked[id] = nil }
        heard[child] = nil
        answered[child] = nil
        var verdict = Verdict(inFlight: mine.keys.sorted())
        guard let first = verdict.inFlight.first else {
            idleEnds += 1
            verdict.isBroken = idleEnds > Self.idleEndsAllowed + answers / Self.answersAnEnd
            return verdict
        }
        failuresSinceAnswer += 1
        guard mine.count == 1 else {
            suspects += verdict.inFlight
            return verdict
        }
        let count = strikes[first, default: 0] + 1
        strikes[first] = count
        if mine[first]?.isFresh == true, failuresSinceAnswer >= Self.failuresInARow {
            verdict.isBroken = true
        } else if count >= Self.tries {
            strikes[first] = nil
            (verdict.givenUp, verdict.attempts) = (first, count)
        } else {
            suspects.append(first)
        }
        return verdict
    }
}
