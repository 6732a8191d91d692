import Linux
import Synchronization

/// Several writers at once make, save, rename and remove a handful of names, and after each step
/// each finds what it left.
///
/// Each has a directory of its own and few names, so names go to and fro while the files that had
/// them are being committed: what one process alone, as in `Differential`, meets once in hours.
struct Renaming: Sendable {
    let mount: String
    let seed: UInt64
    /// Of each writer; nil: until the time is over.
    let steps: Int?
    let seconds: Int?

    private static let names = ["e.md", "b.md", "c.txt", "d", "a.md~"]

    /// Runs until all writers are done; prints what differs.
    ///
    /// Returns whether nothing did.
    func run(writers: Int) throws -> Bool {
        let differences = Mutex<[String]>([])
        let total = Atomic<Int>(0)
        let end = seconds.map { SystemClock.monotonic() + Int64($0) * 1_000_000_000 }
        let threads = try (0..<writers).map { number in
            try Thread.spawn(name: "renaming-\(number)") {
                var writer = Writer(
                    directory: "\(mount)/user=w\(number)",
                    generator: SplitMix64(seed: seed &* 1_000 &+ UInt64(number))
                )
                for step in 0..<(steps ?? .max) {
                    if let end, SystemClock.monotonic() >= end { return }
                    total.wrappingAdd(1, ordering: .relaxed)
                    guard let difference = writer.step() else { continue }
                    let before = writer.done.suffix(30).joined(separator: "\n  ")
                    differences.withLock {
                        $0.append("step \(step) of w\(number): \(difference)\n  \(before)")
                    }
                    return
                }
            }
        }
        for thread in threads { thread.join() }
        let found = differences.withLock { $0 }
        for difference in found { say("DIFFERENT at " + difference) }
        if found.isEmpty {
            say("seed \(seed): \(total.load(ordering: .relaxed)) steps, no difference")
        }
        return found.isEmpty
    }

    private struct Writer {
        let directory: String
        var generator: SplitMix64
        /// What must be there.
        private var files: [String: [UInt8]] = [:]
        private(set) var done: [String] = []

        init(directory: String, generator: SplitMix64) {
            self.directory = directory
            self.generator = generator
        }

        /// Returns what is wrong after one step, in words.
        mutating func step() -> String? {
            let (old, new) = (name(), name())
            do throws(Errno) {
                if done.isEmpty { try begin() }
                try perform(old, new)
                if let difference = try compare([old, new]) { return difference }
            } catch {
                return "\(error)"
            }
            if Int.random(in: 0..<10, using: &generator) < 4 {
                let pause = [1, 5, 20, 100].randomElement(using: &generator) ?? 1
                SystemClock.sleep(.milliseconds(pause))
            }
            return nil
        }

        private mutating func name() -> String {
            Renaming.names.randomElement(using: &generator) ?? "e.md"
        }

        private func path(_ name: String) -> String { directory + "/" + name }

        /// With a file that stays: a directory that holds nothing is shown by its layout only while
        /// that is listed.
        private mutating func begin() throws(Errno) {
            try File.workingDirectory.makeDirectory(directory)
            try write("stays.md")
        }

        private mutating func perform(_ old: String, _ new: String) throws(Errno) {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<6:
                done.append("write \(old)")
                files[old] = try write(old)
            case 6..<9:
                done.append("unlink \(old)")
                try expecting(old) { () throws(Errno) in
                    try File.workingDirectory.unlink(path(old))
                }
                files[old] = nil
            case 9..<18:
                done.append("rename \(old) \(new)")
                try expecting(old) { () throws(Errno) in
                    try File.workingDirectory.rename(path(old), to: .workingDirectory, path(new))
                }
                guard old != new, let file = files.removeValue(forKey: old) else { return }
                files[new] = file
            default:
                done.append("save \(old)")
                files[old] = try write(".\(old).swp")
                try File.workingDirectory.rename(
                    path(".\(old).swp"),
                    to: .workingDirectory,
                    path(old)
                )
            }
        }

        @discardableResult
        private mutating func write(_ name: String) throws(Errno) -> [UInt8] {
            let size = [0, 3, 200, 5_000].randomElement(using: &generator) ?? 0
            let bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let file = try File.open(path(name), [.writeOnly, .create, .truncate])
            try file.write(bytes)
            return bytes
        }

        /// Refused exactly where `name` is not there.
        private func expecting(_ name: String, _ body: () throws(Errno) -> Void) throws(Errno) {
            do throws(Errno) {
                try body()
            } catch {
                guard error == .noSuchFile, files[name] == nil else { throw error }
                return
            }
            if files[name] == nil { throw .exists }
        }

        private func compare(_ names: [String]) throws(Errno) -> String? {
            for name in names {
                var found: [UInt8]?
                do throws(Errno) {
                    found = try File.open(path(name)).readAll(limit: 10_000)
                } catch {
                    guard error == .noSuchFile else { throw error }
                }
                guard found != files[name] else { continue }
                let sizes = [found, files[name]].map { $0.map { "\($0.count) bytes" } ?? "absent" }
                return "\(name) is \(sizes[0]), not \(sizes[1]), or has others"
            }
            return nil
        }
    }
}
