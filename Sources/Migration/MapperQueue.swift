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
/// asked again one at a time, and what fails so is given up after `tries` attempts. Where nothing
/// at all is answered between `failuresInARow` failures, or failures are many for what was
/// answered, the mapper is broken.
struct MapperQueue: Sendable {
    // MARK: Bounds

    /// How many memories one child is asked about at the same time.
    static let window = 16
    /// How often one memory is asked about.
    static let tries = 3
    /// So many failures of children with no answer between them, and the mapper is broken.
    static let failuresInARow = 6
    /// So many failures altogether are always allowed, and one more for each `answersAFailure`.
    static let failuresAllowed = 16
    static let answersAFailure = 4

    // MARK: State

    private struct Asked {
        let child: Int
        var due: Int64
        var isAwaitingBody = false
    }

    /// How long a child may take for an answer.
    let timeout: Int64
    private var waiting: [MemoryID] = []
    private var suspects: [MemoryID] = []
    private var asked: [MemoryID: Asked] = [:]
    private var attempts: [MemoryID: Int] = [:]
    /// When each child last said something, or began to have something to say.
    private var heard: [Int: Int64] = [:]
    /// What each child answered last, to tell an answer that comes twice.
    private var answered: [Int: [MemoryID]] = [:]
    private var failures = 0
    private var failuresSinceAnswer = 0
    private var answers = 0

    init(timeout: Duration) { self.timeout = max(1, timeout.wholeNanoseconds) }

    /// Whether somebody could be asked something.
    var hasWork: Bool { !waiting.isEmpty || !suspects.isEmpty }

    mutating func add(_ id: MemoryID) { waiting.append(id) }

    /// Forgets a memory that nobody wants to know about any more.
    ///
    /// Returns false while it is being asked about: its answer must be awaited.
    mutating func withdraw(_ id: MemoryID) -> Bool {
        guard asked[id] == nil else { return false }
        waiting.removeAll { $0 == id }
        suspects.removeAll { $0 == id }
        attempts[id] = nil
        return true
    }

    /// What `child` is to be asked next; nil while it has enough.
    mutating func next(for child: Int, now: Int64) -> MemoryID? {
        let mine = asked.filter { $0.value.child == child }
        let id: MemoryID
        if !suspects.isEmpty {
            guard mine.isEmpty else { return nil }
            id = suspects.removeFirst()
        } else {
            let isWithSuspect = mine.keys.contains { attempts[$0, default: 0] > 1 }
            guard mine.count < Self.window, !isWithSuspect, !waiting.isEmpty else { return nil }
            id = waiting.removeFirst()
        }
        if mine.isEmpty { heard[child] = now }
        attempts[id, default: 0] += 1
        asked[id] = Asked(child: child, due: due(now, behind: mine.count))
        return id
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
        attempts[id] = nil
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
        guard let one = asked[id], one.isAwaitingBody else { return nil }
        let count = asked.values.count { $0.child == one.child }
        asked[id] = Asked(child: one.child, due: due(now, behind: count))
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
        /// Memories that are not asked about again, with the number of attempts.
        var givenUp: [MemoryID: Int] = [:]
        /// Memories that nobody was asked about, of a broken mapper.
        var unasked: [MemoryID] = []
        /// Whether no child is to be started again.
        var isBroken = false
        /// What the child was asked about when it failed.
        var inFlight: [MemoryID] = []
    }

    mutating func fail(_ child: Int) -> Verdict {
        let mine = asked.filter { $0.value.child == child }.keys.sorted()
        for id in mine { asked[id] = nil }
        heard[child] = nil
        answered[child] = nil
        failures += 1
        failuresSinceAnswer += 1
        var verdict = Verdict(inFlight: mine)
        if mine.count == 1, attempts[mine[0], default: 0] >= Self.tries {
            verdict.givenUp[mine[0]] = attempts.removeValue(forKey: mine[0])
        } else {
            suspects += mine
        }
        let isTooMuch = failures > Self.failuresAllowed + answers / Self.answersAFailure
        if isTooMuch || failuresSinceAnswer >= Self.failuresInARow { giveUp(&verdict) }
        return verdict
    }

    private mutating func giveUp(_ verdict: inout Verdict) {
        verdict.isBroken = true
        for (id, count) in attempts { verdict.givenUp[id] = count }
        verdict.unasked = waiting
        (waiting, suspects, asked, attempts) = ([], [], [:], [:])
    }
}
