import Loci

/// What must be true of a tenant that migrates back and forth, in a few lines: layouts, runs and
/// memories as plain values.
struct UndoModel {
    struct Layout {
        /// The attributes that its directories show, in order; the first one's key is its own.
        let shape: Shape
        var isLive = true
    }

    struct Shape: Hashable {
        let key: String
        let fields: [String]

        var scheme: String {
            var segments = fields.map { "\($0)={\($0)}" }
            segments[0] = "\(key)={\(fields[0])}"
            return segments.joined(separator: "/")
        }

        func path(_ memory: Memory) -> String {
            var parts = fields.map { "\($0)=\(memory.attributes[$0] ?? "_")" }
            parts[0] = "\(key)=\(memory.attributes[fields[0]] ?? "_")"
            return (parts + [memory.name]).joined(separator: "/")
        }
    }

    struct Memory: Hashable {
        var name: String
        var attributes: [String: String]
        var text: String
        var isTrashed = false
    }

    /// No two begin their paths alike, so that any of them can live together.
    static let shapes = [
        Shape(key: "user", fields: ["user", "topic"]),
        Shape(key: "topic", fields: ["topic", "user"]),
        Shape(key: "kind", fields: ["kind", "topic", "user"]),
        Shape(key: "by", fields: ["user"]),
        Shape(key: "of", fields: ["topic", "kind"]),
    ]
    static let values = ["a", "b", "c d", "é"]

    var layouts: [Layout] = [Layout(shape: shapes[0])]
    /// Indices into `layouts`.
    var runs: [(from: Int, to: Int)] = []
    var listed = 0
    var memories: [MemoryID: Memory] = [:]

    var live: [Int] { layouts.indices.filter { layouts[$0].isLive } }

    // MARK: The rules

    /// What `cutover` lists; nil where it is refused.
    var cutover: Int? {
        guard let run = current, layouts[run.to].isLive, run.to != listed else { return nil }
        return run.to
    }

    /// What `revert` lists.
    var revert: Int? {
        var layout = listed
        while let run = runs.last(where: { $0.to == layout }) {
            if layouts[run.from].isLive { return run.from }
            layout = run.from
        }
        return nil
    }

    /// What `abort` ends.
    var abort: Int? {
        guard let run = runs.last, layouts[run.to].isLive, run.to != listed else { return nil }
        return run.to
    }

    /// Whether `retire` with a number is allowed.
    func mayRetire(_ layout: Int) -> Bool {
        layouts[layout].isLive && layout != listed && layout != runs.last?.to
    }

    /// What `retire` without a number ends.
    var retire: Int? {
        guard let run = current, run.to == listed, mayRetire(run.from) else { return nil }
        return run.from
    }

    private var current: (from: Int, to: Int)? {
        runs.last { layouts[$0.to].isLive } ?? runs.last
    }

    // MARK: What readers see

    var listedPaths: [String] {
        memories.values.filter { !$0.isTrashed }.map { layouts[listed].shape.path($0) }.sorted()
    }
}

/// A generator that repeats itself for a seed, so that a failure can be run again.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func pick<T>(_ values: [T]) -> T {
        values[Int.random(in: 0..<values.count, using: &self)]
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}
