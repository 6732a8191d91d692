private import Glibc
import Linux

/// Programs of this machine.
enum Program {
    private static let directories = [
        "/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin",
    ]

    /// Where a program stands; nil where it is not installed.
    ///
    /// A path stands for itself.
    static func find(_ name: String) -> String? {
        if name.contains("/") { return name }
        return directories.map { $0 + "/" + name }.first { (try? File.status(of: $0)) != nil }
    }

    /// What stands beside this program.
    static func sibling(_ names: String...) -> String? {
        let own = RunningProcess.current.executable ?? ""
        let directory = own.split(separator: "/").dropLast().map { "/" + $0 }.joined()
        return names.map { directory + "/" + $0 }.first { (try? File.status(of: $0)) != nil }
    }

    static func leave(_ status: Int32) -> Never { exit(status) }

    static func say(_ text: String) {
        try? File.open("/dev/stderr", [.writeOnly, .append]).write(Array((text + "\n").utf8))
    }
}

/// What `/proc` says of a process; nil and empty where it is gone.
extension RunningProcess {
    /// One line of `status`, without its key.
    func status(_ key: String) -> String? {
        lines("status").first { $0.hasPrefix(key + ":") }.map { line in
            String(line.dropFirst(key.count + 1).drop { $0 == "\t" || $0 == " " })
        }
    }

    /// In ticks of the kernel, 100 a second, of all its threads.
    var processorTime: Int {
        // `id (comm) state …`; comm may have anything in it.
        guard let line = lines("stat").first, let end = line.lastIndex(of: ")") else { return 0 }
        let fields = line[end...].split(separator: " ")
        guard fields.count > 13 else { return 0 }
        return (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)
    }

    private func lines(_ name: String) -> [Substring] {
        let bytes = try? File.open("/proc/\(id)/\(name)").readAll(limit: 1 << 20)
        return String(decoding: bytes ?? [], as: UTF8.self).split(separator: "\n")
    }

    /// All processes that are it or that it or its children started.
    static func families(of roots: Set<RunningProcess>) -> Set<RunningProcess> {
        var family = roots
        let parents = all.map { ($0, $0.status("PPid").flatMap { Int32($0) } ?? 0) }
        while true {
            let more = parents.filter { child, parent in
                !family.contains(child) && family.contains(RunningProcess(id: parent))
            }
            if more.isEmpty { return family }
            family.formUnion(more.map(\.0))
        }
    }
}
