/// A promise about speed, and whether a run keeps it.
struct Goal {
    let text: String
    /// At most so much.
    let limit: Double
    /// The value in one pass; nil where it was not measured.
    let value: @Sendable (Results, String) -> Double?
    /// How a value reads.
    let figure: @Sendable (Double) -> String

    /// What a pass says to it.
    struct Verdict {
        let value: Double?
        let figure: String
        let isMet: Bool

        var word: String { value == nil ? "not measured" : isMet ? "met" : "missed" }
    }

    func verdict(_ results: Results, _ pass: String) -> Verdict {
        guard let value = value(results, pass) else {
            return Verdict(value: nil, figure: "–", isMet: false)
        }
        return Verdict(value: value, figure: figure(value), isMet: value <= limit)
    }

    private static let ratio: @Sendable (Double) -> String = { Figure.decimals($0, 2) }

    /// Of 100,000 files where the run had so many: else of the largest tree that it had.
    static let all: [Goal] =
        ["grep -r", "rg", "ls -lR", "find", "tar"].map { work in
            Goal("warm \(work) / disk", 1.15) { $0.ratio(.big("warm", work), to: .disk, $1) }
        } + [
            Goal("warm open+read+close / disk", 1.5) {
                $0.ratio(.small("warm", "open+read+close"), to: .disk, $1)
            },
            Goal("warm open+read+close / best peer", 0.5) {
                $0.ratio(.small("warm", "open+read+close"), to: .bestPeer, $1)
            },
            Goal("fresh mount, disk warm: grep -r / disk", 3) {
                $0.ratio(.big("fresh mount", "grep -r"), to: .disk, $1)
            },
            Goal("fresh mount: ls -lR / best peer", 0.7) {
                $0.ratio(.big("fresh mount", "ls -lR"), to: .bestPeer, $1)
            },
            Goal("fresh mount: find / best peer", 0.7) {
                $0.ratio(.big("fresh mount", "find"), to: .bestPeer, $1)
            },
            Goal("create+write+close, not synced / best peer", 0.7) {
                $0.ratio(.any("write", "create+write+close"), to: .bestPeer, $1)
            },
            Goal("atomic save (write, fsync, rename) / disk", 2) {
                $0.ratio(.any("write", "atomic save"), to: .disk, $1)
            },
            Goal("sequential read, warm / disk", 1.2) {
                $0.ratio(.any("warm", "sequential read"), to: .disk, $1)
            },
            Goal("sequential read, cold / disk", 1.2) {
                $0.ratio(.any("cold", "sequential read"), to: .disk, $1)
            },
            Goal("a lookup among most memories / among fewest", 1.3) { $0.growth("lookup", $1) },
            Goal("resident after a full walk of most memories", 100 * 1_048_576, Figure.memory) {
                $0.atMost(ScaleBench.residentAfterWalk, $1)
            },
        ]

    private init(
        _ text: String,
        _ limit: Double,
        _ figure: @escaping @Sendable (Double) -> String = ratio,
        value: @escaping @Sendable (Results, String) -> Double?
    ) {
        self.text = text
        self.limit = limit
        self.figure = figure
        self.value = value
    }
}

/// Which row of a run a goal is about.
private struct Wanted {
    let state: String
    let work: String
    let isBetter: (Int, Int) -> Bool

    static func big(_ state: String, _ work: String) -> Wanted {
        Wanted(state: state, work: work, isBetter: >)
    }

    static func small(_ state: String, _ work: String) -> Wanted {
        Wanted(state: state, work: work, isBetter: <)
    }

    static func any(_ state: String, _ work: String) -> Wanted { big(state, work) }

    func series(_ section: Section, _ pass: String) -> Series? {
        section.series.filter {
            $0.pass == pass && $0.row.state == state && $0.row.work == work
        }.min { isBetter($0.row.files, $1.row.files) }
    }
}

private enum Rival {
    case disk
    case bestPeer
}

extension Results {
    /// Loci's median by another one's, of one row and pass.
    fileprivate func ratio(_ wanted: Wanted, to rival: Rival, _ pass: String) -> Double? {
        guard let mount, let series = wanted.series(mount, pass),
            let own = series.statistics(Subject.loci)?.median
        else { return nil }
        let other =
            switch rival {
            case .disk: mount.subjects.first.flatMap { series.statistics($0.name)?.median }
            case .bestPeer: mount.bestPeer(series)?.median
            }
        return other.map { own / $0 }
    }

    fileprivate func growth(_ work: String, _ pass: String) -> Double? {
        guard let scale, scale.sizes.count > 1, let (few, many) = scale.extremes,
            let small = scale.median(few, Row("", work), pass),
            let large = scale.median(many, Row("", work), pass)
        else { return nil }
        return large / small
    }

    fileprivate func atMost(_ work: String, _ pass: String) -> Double? {
        guard let scale, let (_, many) = scale.extremes else { return nil }
        return scale.median(many, Row("", work), pass)
    }
}

extension Section {
    /// The fastest peer of a row; nil without peers.
    func bestPeer(_ series: Series) -> (name: String, median: Double)? {
        let peers = subjects.dropFirst().map(\.name).filter { $0 != Subject.loci }
        let medians = peers.compactMap { name in
            series.statistics(name).map { (name: name, median: $0.median) }
        }
        return medians.min { $0.median < $1.median }
    }

    /// Of a scale: its numbers of memories, as they are named.
    var sizes: [String] {
        subjects.map(\.name).sorted { (Int($0) ?? 0) < (Int($1) ?? 0) }
    }

    fileprivate var extremes: (few: String, many: String)? {
        guard let few = sizes.first, let many = sizes.last else { return nil }
        return (few, many)
    }
}
