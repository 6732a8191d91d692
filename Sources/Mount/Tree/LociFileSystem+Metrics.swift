import Catalog
import FUSE
import Linux
import Loci
import Model
import Synchronization

// `.loci/metrics`: what the daemon counts, in Prometheus' text format; `.loci/stats`: the same and what
// history holds, a word and a value a line.
extension LociFileSystem {
    /// One metric: its help, its type, and its samples by labels.
    private struct Metric {
        let name: String
        let help: String
        let type: String
        let samples: [(labels: String, value: Int64)]

        static func gauge(_ name: String, _ help: String, _ value: Int64) -> Metric {
            Metric(name: name, help: help, type: "gauge", samples: [("", value)])
        }

        var text: String {
            let lines = samples.map { "\(name)\($0.labels) \($0.value)\n" }
            return "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n" + lines.joined()
        }
    }

    /// What `stats` says, a word and a value a line.
    func stats(_ reader: CatalogReader) throws -> String {
        let staged = staging.status()
        var lines =
            try TenantStatistics(reader).lines + [
                ("staged_files", "\(staged.files)"), ("staged_bytes", "\(staged.bytes)"),
                ("generated_nodes", "\(generated.count)"),
                ("requests", "\(requestCounts.all.reduce(0) { $0 + Int($1.count) })"),
            ]
        if let resident = RunningProcess.current.residentBytes {
            lines.append(("resident_bytes", "\(resident)"))
        }
        return lines.map { "\($0.0) \($0.1)\n" }.joined()
    }

    func metrics(_ reader: CatalogReader) throws -> String {
        let staged = staging.status()
        let counts = try reader.memoryCounts()
        var metrics = [
            Metric(
                name: "loci_requests_total",
                help: "Requests that the kernel sent, by operation.",
                type: "counter",
                samples: requestCounts.all.map {
                    ("{operation=\"\($0.operation)\"}", Int64($0.count))
                }
            ),
            Metric(
                name: "loci_read_ahead_hits_total",
                help: "Small files that were at hand before they were asked for.",
                type: "counter",
                samples: [("", Int64(readAheadHits.load(ordering: .relaxed)))]
            ),
            .gauge("loci_memories", "Memories that are not in the trash.", counts.live),
            .gauge("loci_trashed_memories", "Memories in the trash.", counts.trashed),
            .gauge("loci_staged_files", "Files that are being written.", Int64(staged.files)),
            .gauge(
                "loci_unborn_files",
                "New files that are not memories yet.",
                Int64(staged.unborn)
            ),
            .gauge("loci_staged_bytes", "Bytes of files being written.", staged.bytes),
            .gauge(
                "loci_problems",
                "What status.json lists as problems.",
                Int64(staged.problems.count)
            ),
        ]
        if let resident = RunningProcess.current.residentBytes {
            metrics.append(
                .gauge("process_resident_memory_bytes", "Memory that the daemon has.", resident)
            )
        }
        return metrics.map(\.text).joined()
    }
}
