package import Linux

/// How long the machine kept processes from running.
///
/// A bound on time is for the program, not for a machine that it shares with others: what a timed
/// test measures is less by this.
package enum Stalls {
    /// The time so far, for all threads of these processes together.
    ///
    /// What they waited for a processor (`schedstat`), and what the host took from this machine
    /// (`steal`, in hundredths of a second). Only differences mean something. A wait counts when it
    /// is over.
    package static func total(of processes: [RunningProcess]) -> Duration {
        var nanoseconds: Int64 = 0
        for process in processes {
            let tasks = "/proc/\(process.id)/task"
            let entries = (try? File.open(tasks, [.readOnly, .directory]).entries()) ?? []
            for entry in entries {
                let task = "\(tasks)/\(String(decoding: entry.name, as: UTF8.self))"
                nanoseconds += number(1, of: "\(task)/schedstat")
            }
        }
        // `cpu  user nice system idle iowait irq softirq steal …`
        return .nanoseconds(nanoseconds) + .milliseconds(10 * number(8, of: "/proc/stat"))
    }

    /// A word of a file's first line, as a number; zero where there is none.
    private static func number(_ index: Int, of path: String) -> Int64 {
        guard let bytes = try? File.open(path).readAll(limit: 1 << 20),
            let line = bytes.split(separator: UInt8(ascii: "\n")).first
        else { return 0 }
        let words = line.split(separator: UInt8(ascii: " "))
        guard words.indices.contains(index) else { return 0 }
        return Int64(String(decoding: words[index], as: UTF8.self)) ?? 0
    }
}
