import Linux
import Model

/// What stands behind `mount`, `scale` and `all` on the command line.
struct BenchOptions {
    var files = 100_000
    var sizes = [10_000, 100_000, 1_000_000]
    var passes = ["pinned", "unpinned"]
    var rounds = 5
    var operations = 1000
    var large = 1 << 30
    var peers = Peer.defaults
    var patience = 300
    /// Whether the kernel's caches may be dropped, for the whole machine, to measure cold.
    var cold = true
    /// Where the results go; added to what is there.
    var json = "bench.json"
    /// Where the charts go.
    var out = "bench-charts"
    /// Where trees and stores are made; removed by who made it.
    var work = ""
    var loci = Program.sibling("loci", "LociMain") ?? "loci"

    init(_ arguments: some Sequence<String>) throws {
        var iterator = arguments.makeIterator()
        while let option = iterator.next() {
            guard let value = iterator.next() else { throw Trouble("\(option) lacks its value") }
            try set(option, value)
        }
        guard !work.isEmpty else { throw Trouble("--work DIR is missing: an empty directory") }
        if let wrong = passes.first(where: { $0 != "pinned" && $0 != "unpinned" }) {
            throw Trouble("a pass is pinned or unpinned, not '\(wrong)'")
        }
    }

    private mutating func set(_ option: String, _ value: String) throws {
        switch option {
        case "--files": files = try positive(option, value)
        case "--sizes": sizes = try list(value).map { try positive(option, $0) }
        case "--passes": passes = list(value)
        case "--rounds": rounds = try positive(option, value)
        case "--operations": operations = try positive(option, value)
        case "--large": large = value == "0" ? 0 : try positive(option, value)
        case "--peers": peers = value == "none" ? [] : list(value)
        case "--patience": patience = try positive(option, value)
        case "--cold":
            guard ["yes", "no"].contains(value) else { throw Trouble("--cold is yes or no") }
            cold = value == "yes"
        case "--json": json = value
        case "--out": out = value
        case "--work": work = value
        case "--loci": loci = value
        default: throw Trouble("there is no option \(option)")
        }
    }

    private func list(_ value: String) -> [String] {
        value.split(separator: ",").map(String.init)
    }

    private func positive(_ option: String, _ value: String) throws -> Int {
        let digits = value.filter { $0 != "_" }
        guard let number = Int(digits), number > 0 else {
            throw Trouble("\(option) needs a number above 0, not '\(value)'")
        }
        return number
    }

    /// Of the directory where everything is made.
    var fileSystem: String {
        let command = ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", work]
        let text = (try? runner.run(command).text) ?? "disk"
        return String(text.prefix { $0 != "\n" })
    }

    var runner: Runner { Runner(patience: .seconds(patience), work: work) }

    /// The machine and the settings, in words.
    func facts(_ settings: [(key: String, value: String)]) -> [(key: String, value: String)] {
        func first(_ path: String, _ key: String = "") -> String {
            let bytes = (try? File.open(path).readAll(limit: 1 << 20)) ?? []
            let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first {
                $0.hasPrefix(key)
            }
            let value = line?.split(separator: ":").last ?? ""
            return String(value.drop { $0 == " " || $0 == "\t" })
        }
        let processors = first("/proc/self/status", "Cpus_allowed_list")
        return [
            ("kernel", "Linux " + first("/proc/sys/kernel/osrelease")),
            ("processors", processors + " of " + first("/proc/cpuinfo", "model name")),
            ("memory", first("/proc/meminfo", "MemTotal")),
            ("date", Timestamp(nanoseconds: SystemClock.realtime()).description),
            ("file system", fileSystem),
        ] + settings + [("rounds", "\(rounds)"), ("operations", "\(operations)")]
    }
}
