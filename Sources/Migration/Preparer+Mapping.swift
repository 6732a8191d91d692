import Catalog
import Linux
import Loci
import SQL

/// Memories that are prepared together.
struct PreparingPage: Sendable {
    /// About which memories a mapper is to be asked.
    enum Asking: Hashable, Sendable {
        case nobody
        /// Those that lack a field and that it has not answered about yet.
        case undecided
        /// Those that lack a field, all of which it failed on before.
        case failed
    }

    /// The newest change when they were read.
    var asOf: ChangeNumber
    var memories: [MemoryRow]
    var fields: [MemoryFields]
    /// What a mapper is to be asked.
    var questions: [MapperQuestion] = []
    /// What the mapper decided, by memory row.
    var decisions: [Int64: MapperOutcome] = [:]

    mutating func findQuestions(
        _ asking: Asking,
        _ needed: [String],
        in run: Int64,
        _ reader: CatalogReader
    ) throws {
        guard asking != .nobody, let first = memories.first, let last = memories.last else {
            return
        }
        var answered: Set<Int64> = []
        if asking == .undecided {
            answered = Set(
                try reader.memoriesAnswered(in: run, from: first.row, to: last.row)
            )
        }
        let listed = try reader.layouts().listed
        for (memory, fields) in zip(memories, fields) where !answered.contains(memory.row) {
            let missing = needed.filter { fields.attributes[$0] == nil }
            if missing.isEmpty {
                // Somebody gave it by hand what the mapper could not.
                if asking == .failed { decisions[memory.row] = .fields([:]) }
                continue
            }
            questions.append(
                MapperQuestion(
                    memory: memory,
                    path: try reader.path(of: memory, in: listed).map { NamePath($0) },
                    size: try reader.revision(of: memory.row, memory.revision)?.size ?? 0,
                    attributes: fields.attributes,
                    missing: missing
                )
            )
        }
    }

    /// The first memories, taken out with what was decided about them.
    mutating func takeFirst(_ count: Int) -> PreparingPage {
        guard memories.count > count else {
            defer { (memories, fields, decisions) = ([], [], [:]) }
            return self
        }
        var taken = PreparingPage(asOf: asOf, memories: [], fields: [])
        taken.memories = Array(memories.prefix(count))
        taken.fields = Array(fields.prefix(count))
        for memory in taken.memories {
            taken.decisions[memory.row] = decisions.removeValue(forKey: memory.row)
        }
        memories.removeFirst(count)
        fields.removeFirst(count)
        return taken
    }

    /// The memories that were decided, taken out.
    mutating func takeDecided() -> PreparingPage {
        var taken = PreparingPage(asOf: asOf, memories: [], fields: [], decisions: decisions)
        var rest = PreparingPage(asOf: asOf, memories: [], fields: [])
        for (memory, fields) in zip(memories, fields) {
            if decisions[memory.row] == nil {
                rest.memories.append(memory)
                rest.fields.append(fields)
            } else {
                taken.memories.append(memory)
                taken.fields.append(fields)
            }
        }
        self = rest
        return taken
    }
}

/// A memory that a mapper is asked about.
struct MapperQuestion: Sendable {
    let memory: MemoryRow
    let path: NamePath?
    let size: Int64
    let attributes: [String: String]
    let missing: [String]
}

extension Preparer {
    /// What a mapper decided is committed so often, so that a kill loses little of it.
    private static let mapperBatchTime: Duration = .milliseconds(200)

    private enum Event: Sendable {
        case decided(Int64, MapperOutcome)
        case undecided(LociError)
        case tick
    }

    /// Asks the mapper the questions of the page, as many at the same time as it likes.
    ///
    /// What was decided for some time is committed and taken out of the page; the cursor stays.
    ///
    /// `counting`: whether what is committed counts as prepared.
    /// Returns how many memories were counted. Throws what kept it from asking all, once what was
    /// decided is committed.
    func decide(
        _ page: inout PreparingPage,
        counting: Bool
    ) async throws(LociError) -> Int {
        guard let mapper, !page.questions.isEmpty else { return 0 }
        let (begun, preparer) = (page, self)
        var round = await withTaskGroup(of: Event.self) { group in
            var round = MappingRound(page: begun, isCounting: counting)
            group.addTask { await Self.tick() }
            while true {
                while let question = round.next(mapper.width) {
                    group.addTask { await preparer.ask(mapper, question) }
                }
                guard !round.isOver, let event = await group.next() else { break }
                switch event {
                case .decided(let row, let outcome): round.decide(row, outcome)
                case .undecided(let error): round.fail(error, wasAsked: true)
                case .tick:
                    await preparer.keep(&round)
                    if round.failure == nil { group.addTask { await Self.tick() } }
                }
                if round.failure != nil { group.cancelAll() }
            }
            group.cancelAll()
            return round
        }
        if let failure = round.failure {
            if failure.code == .mapperFailed { await keep(&round) }
            throw failure
        }
        page = round.page
        return round.counted
    }

    private static func tick() async -> Event {
        try? await Task.sleep(for: mapperBatchTime)
        return .tick
    }

    /// Commits what was decided, and sees whether preparing is to go on.
    private func keep(_ round: inout MappingRound) async {
        do throws(LociError) {
            let (number, now) = (run.layout, tenant.clock())
            let (isPaused, isBuilding) = try catalog.read { reader in
                let building = try reader.layouts().building
                return (try MigrationControl(reader, at: now).isPaused, building?.number == number)
            }
            guard isBuilding else { throw Self.givenUp(number) }
            round.isPaused = isPaused
            (mapper as? any HoldableMapper)?.hold(isPaused)
            guard !round.page.decisions.isEmpty else { return }
            let decided = round.page.takeDecided()
            let count = round.isCounting ? decided.memories.count : 0
            _ = try await commit(decided, cursor: nil, counting: count)
            round.counted += count
        } catch {
            round.fail(error, wasAsked: false)
        }
    }

    private func ask(_ mapper: any Mapper, _ question: MapperQuestion) async -> Event {
        let (tenant, id) = (tenant, question.memory.id)
        let input = MapperInput(question, of: tenant.id) { () throws(LociError) in
            try await tenant.content(of: id)
        }
        let outcome: MapperOutcome
        do {
            outcome = try await mapper.fields(for: input)
        } catch is CancellationError {
            return .undecided(Self.cancelled)
        } catch let error as MapperStopped {
            return .undecided(
                LociError(
                    .mapperFailed,
                    subject: mapper.identity,
                    message: error.reason,
                    remedy: "Mend the mapper, then: loci migrate retry --mapper CMD"
                )
            )
        } catch {
            outcome = .error(reason: ShownText.shown("\(error)"))
        }
        return .decided(question.memory.row, Self.checked(outcome, input))
    }

    /// What a mapper gave, or an error where it may not give that.
    private static func checked(_ outcome: MapperOutcome, _ input: MapperInput) -> MapperOutcome {
        guard case .fields(let fields) = outcome else { return outcome }
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            let given = ShownText.shown("\(key)=\(value)", limit: shownField)
            if let known = input.attributes[key], !known.hasSameBytes(as: value) {
                let known = ShownText.shown(known, limit: shownField)
                return .error(
                    reason: "the mapper gave \(given), but it is \(known) already; use another key"
                )
            }
            do throws(LociError) {
                try Tenant.checkAttribute(key)
            } catch {
                return .error(
                    reason: ShownText.shown("the mapper gave \(given): \(error.message)")
                )
            }
            if value.utf8.contains(0) {
                return .error(reason: "the mapper gave \(given), which holds a NUL")
            }
        }
        return outcome
    }

    /// So many bytes of a field are shown.
    private static let shownField = 120
}

/// How far the questions of one page are: a pure value.
private struct MappingRound {
    var page: PreparingPage
    private var left: ArraySlice<MapperQuestion>
    private var asked = 0
    private var handedOut = 0
    let isCounting: Bool
    /// Memories that are counted as prepared.
    var counted = 0
    /// Nothing more is asked for now.
    var isPaused = false
    /// Nothing more is asked at all.
    private(set) var failure: LociError?

    init(page: PreparingPage, isCounting: Bool) {
        self.page = page
        self.isCounting = isCounting
        left = page.questions[...]
    }

    /// Whether nobody is being asked, and nobody will be.
    var isOver: Bool { asked == 0 && (left.isEmpty || failure != nil) }

    /// So many are asked in order; the next one is the last of all.
    private static let inOrder = 8

    /// The next question, where fewer than `width` are being asked.
    ///
    /// Where several are asked, now and then one from the far end: a mapper that fails on all that
    /// lie together can be told from one that is broken.
    mutating func next(_ width: Int) -> MapperQuestion? {
        guard failure == nil, !isPaused, asked < max(1, width) else { return nil }
        let isFar = width > 1 && handedOut % (Self.inOrder + 1) == Self.inOrder
        guard let question = isFar ? left.popLast() : left.popFirst() else { return nil }
        asked += 1
        handedOut += 1
        return question
    }

    mutating func decide(_ row: Int64, _ outcome: MapperOutcome) {
        asked -= 1
        page.decisions[row] = outcome
    }

    /// The first failure counts: others follow from it.
    mutating func fail(_ error: LociError, wasAsked: Bool) {
        if wasAsked { asked -= 1 }
        if failure == nil { failure = error }
    }
}
