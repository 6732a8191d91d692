import Catalog
import Glibc
import Linux
import SQL
import Synchronization
import Testing

@testable import Loci
@testable import Mount

/// A directory that is listed while it changes.
@Suite("A directory of 100,000 names", .serialized, .timeLimit(.minutes(20)))
struct ManyEntriesTests {
    private static let count = 100_000

    /// With `name-0`, `name-1` and so on in the directory `d`.
    private static func mounted() throws -> MountedTenant {
        let mounted = try MountedTenant("{folder...}")
        try mounted.makeDirectory("d")
        let directory = NodeNumber(try mounted.inode("d"))
        try mounted.outside.catalog.write(.normal, origin: MountedTenant.origin) { tx in
            let layout = try tx.reader.layouts().listed
            for number in 0..<count {
                try tx.makeDirectory(
                    Name(unchecked: Array("name-\(number)".utf8)),
                    in: directory,
                    layouts: layout.bit,
                    mode: 0o755,
                    uid: 0,
                    gid: 0,
                    since: tx.newestChange
                )
            }
        }
        return mounted
    }

    @Test("each name that stays is listed once while others come and go, and seekdir goes back")
    func changing() throws {
        let mounted = try Self.mounted()
        let changes = Changes(mounted)
        let thread = try Linux.Thread.spawn(name: "changes") { changes.run() }
        defer {
            changes.isOver.store(true, ordering: .releasing)
            thread.join()
        }
        while changes.count.load(ordering: .acquiring) < 10 { usleep(1000) }
        try Self.walk(mounted.full("d"))
    }

    /// Makes and removes names in the directory until it is over.
    private final class Changes: Sendable {
        let isOver = Atomic<Bool>(false)
        let count = Atomic<Int>(0)
        private let mounted: MountedTenant

        init(_ mounted: MountedTenant) { self.mounted = mounted }

        func run() {
            var number = 0
            while !isOver.load(ordering: .acquiring) {
                try? mounted.makeDirectory("d/extra-\(number)")
                try? mounted.write("d/file-\(number)", "x")
                try? mounted.removeDirectory("d/extra-\(number - 5)")
                try? mounted.remove("d/file-\(number - 5)")
                number += 1
                count.store(number, ordering: .releasing)
            }
        }
    }

    private static func walk(_ path: String) throws {
        guard let stream = unsafe opendir(path) else { throw MountedTenant.Failed(code: errno) }
        defer { unsafe closedir(stream) }
        var seen: [String: Int] = [:]
        var marks: [(position: Int, next: String)] = []
        var isAfterMark = false
        while let entry = unsafe readdir(stream) {
            let name = unsafe Self.name(entry)
            if isAfterMark {
                marks[marks.count - 1].next = name
                isAfterMark = false
            }
            seen[name, default: 0] += 1
            if seen.count % 20_000 == 10_000 {
                marks.append((unsafe telldir(stream), ""))
                isAfterMark = true
            }
        }
        let stable = seen.filter { $0.key.hasPrefix("name-") }
        #expect(stable.count == count)
        #expect(stable.values.allSatisfy { $0 == 1 })
        #expect(seen.values.allSatisfy { $0 == 1 })
        for mark in marks.reversed() where mark.next.hasPrefix("name-") {
            unsafe seekdir(stream, mark.position)
            let next = unsafe readdir(stream).map { unsafe Self.name($0) }
            #expect(next == mark.next)
        }
        unsafe rewinddir(stream)
        var again = 0
        while let entry = unsafe readdir(stream) {
            if unsafe Self.name(entry).hasPrefix("name-") { again += 1 }
        }
        #expect(again == count)
    }

    private static func name(_ entry: UnsafeMutablePointer<dirent>) -> String {
        unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
