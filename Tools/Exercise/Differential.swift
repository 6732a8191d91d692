import Linux

/// The differential exercise: the same operations on a mount and on a plain directory, compared
/// after each.
///
/// What `fsx` and `fsstress` do, with the plain directory's file system as the model. A difference
/// ends it, with what is needed to do it again.
struct Differential {
    struct Options {
        let mount: String
        let plain: String
        let seed: UInt64
        /// How many operations at most; nil: no end.
        let operations: Int?
        /// How long at most; nil: as long as the operations take.
        let seconds: Int?
        /// Whether each directory has a file of its own, see `DifferentialSide`.
        let keepsDirectories: Bool
    }

    private let options: Options
    private var generator: DifferentialGenerator
    private var comparer: DifferentialComparer
    private let views: [DifferentialSide]
    private var recent: [DifferentialOperation] = []
    private var tree = DifferentialTree()
    private var counts: [String: Int] = [:]

    /// Operations that are kept to be told, and of these those that are told in any case.
    private static let remembered = 2000
    private static let told = 40

    init(_ options: Options) throws {
        self.options = options
        generator = DifferentialGenerator(seed: options.seed)
        let keeps = options.keepsDirectories
        comparer = DifferentialComparer(
            plain: try DifferentialSide(options.plain, keepsDirectories: keeps),
            mount: try DifferentialSide(options.mount, keepsDirectories: keeps)
        )
        let view = options.mount + "/.loci/layouts/1"
        views = [try DifferentialSide(view, keepsDirectories: keeps)]
    }

    /// Returns whether both sides did the same; prints why not.
    mutating func run() -> Bool {
        let began = SystemClock.monotonic()
        var number = 0
        do {
            while goesOn(number, since: began) {
                number += 1
                try step(number)
            }
            try settle()
        } catch {
            report(error, number)
            return false
        }
        let milliseconds = (SystemClock.monotonic() - began) / 1_000_000
        say("seed \(options.seed): \(number) operations in \(milliseconds) ms, no difference")
        say(
            counts.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                .joined(separator: " ")
        )
        return true
    }

    private func goesOn(_ number: Int, since began: Int64) -> Bool {
        if let operations = options.operations, number >= operations { return false }
        guard let seconds = options.seconds else { return options.operations != nil }
        return SystemClock.monotonic() - began < Int64(seconds) * 1_000_000_000
    }

    private mutating func step(_ number: Int) throws {
        let operation = generator.next(tree)
        recent.append(operation)
        if recent.count > 2 * Self.remembered { recent.removeFirst(Self.remembered) }
        comparer.begin()
        if operation.isMapping { noteMapping(number, operation) }
        let rules = DifferentialRules { [plain = comparer.plain] path in
            try? plain.status(path).kind
        }
        if rules.isLeftOut(operation) { return }
        let isRefused = rules.isRefused(operation)
        let mount = comparer.mount.perform(operation)
        var mayDiffer = operation.changesNames
        if isRefused {
            guard DifferentialRules.isRefusal(mount) else {
                throw DifferentialComparer.Difference(
                    description: "the mount had to refuse it: \(mount)"
                )
            }
        } else {
            let plain = comparer.plain.perform(operation)
            guard DifferentialRules.isSame(plain, mount, of: operation) else {
                throw DifferentialComparer.Difference(
                    description: "outcome: plain \(plain), mount \(mount)"
                )
            }
            count(operation, plain)
            if case .failed = plain { mayDiffer = operation.isPartial }
        }
        try comparer.compare(after: operation)
        if mayDiffer || tree.directories.isEmpty { tree = try comparer.tree() }
        tree.slots = comparer.plain.slots.indices.filter { comparer.plain.slots[$0] != nil }
        if number % 500 == 0 { try comparer.compareAll(fresh: number % 2000 == 0) }
        if number % 5000 == 0 { try compareViews() }
    }

    /// Writes down what is mapped, beside the plain directory: a page that cannot be read ends this
    /// process.
    private func noteMapping(_ number: Int, _ operation: DifferentialOperation) {
        let line = Array("mapping: \(number) \(operation)\n".utf8)
        let path = options.plain + ".mapping"
        try? File.open(path, [.writeOnly, .create, .truncate]).write(line)
    }

    private mutating func count(
        _ operation: DifferentialOperation,
        _ outcome: DifferentialSide.Outcome
    ) {
        let name = String("\(operation)".prefix { $0 != "(" })
        if case .failed = outcome {
            counts["refused", default: 0] += 1
        } else {
            counts[name, default: 0] += 1
        }
    }

    // MARK: Other views

    /// The same tree by its other names: those follow within moments.
    private mutating func compareViews() throws {
        for view in views {
            let deadline = SystemClock.monotonic() + 30_000_000_000
            while true {
                let other = DifferentialComparer(plain: comparer.plain, mount: view)
                do {
                    try other.compareNamesAndBytes()
                    break
                } catch {
                    if SystemClock.monotonic() > deadline { throw error }
                    SystemClock.sleep(.milliseconds(5))
                }
            }
        }
    }

    /// The end: everything, past the caches too.
    private mutating func settle() throws {
        try comparer.compareAll(fresh: true)
        try compareViews()
    }

    /// Compares two trees once, as they stand after a remount; prints what differs.
    static func compare(mount: String, plain: String) -> Bool {
        do {
            var comparer = DifferentialComparer(
                plain: try DifferentialSide(plain, keepsDirectories: false),
                mount: try DifferentialSide(mount, keepsDirectories: false)
            )
            try comparer.compareAll(fresh: false)
            return true
        } catch {
            say("DIFFERENT: \(error)")
            return false
        }
    }

    private func report(_ error: any Error, _ number: Int) {
        say("DIFFERENT at operation \(number), seed \(options.seed): \(error)")
        say(
            "Again with: Exercise differential MOUNT PLAIN \(options.seed) \(number)"
                + (options.keepsDirectories ? "" : " bare")
        )
        say("The last operations, and those before on the same paths:")
        let first = number - recent.count + 1
        let last = recent.suffix(Self.told)
        let paths = Set(recent.last?.touched ?? [])
        for (index, operation) in recent.enumerated()
        where index >= last.startIndex || !paths.isDisjoint(with: operation.touched) {
            say("  \(first + index) \(operation)")
        }
    }
}
