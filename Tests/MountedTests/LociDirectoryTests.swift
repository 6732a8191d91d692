import Glibc
import Linux
import Testing

@testable import Loci
@testable import Model
@testable import Mount

@Suite(.serialized, .timeLimit(.minutes(20)))
struct LociDirectoryTests {
    typealias Failed = MountedTenant.Failed

    @Test(".loci is not listed by the root, and lists its own entries")
    func listing() async throws {
        let mounted = try MountedTenant()
        #expect(try mounted.list() == [])
        #expect(
            try mounted.list(".loci") == [
                "README.md", "by-id", "events", "foreign", "history", "last-error", "layouts",
                "meta", "metrics", "search", "snapshots", "stats", "status.json", "trash",
            ]
        )
        #expect(try mounted.read(".loci/README.md").contains("user={user}/topic={topic}"))
        #expect(try mounted.list(".loci/foreign") == [])
    }

    @Test("status.json names the store, the tenant and the layouts, and its size is true")
    func status() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        let text = try mounted.read(".loci/status.json")
        let json = try JSON(parsing: text)
        #expect(json["store"]?.stringValue == mounted.directory + "/store")
        #expect(json["tenant"]?.stringValue == "main")
        #expect(json["memories"]?.integerValue == 1)
        #expect(json["layouts"]?.arrayValue?.count == 1)
        #expect(try mounted.status(".loci/status.json").st_size == text.utf8.count)
        try await mounted.add("user=bob/topic=auth/b.md", "1")
        let again = try JSON(parsing: try mounted.read(".loci/status.json"))
        #expect(again["memories"]?.integerValue == 2)
    }

    @Test("events are the last 1,000 changes as JSON Lines, of true size")
    func events() async throws {
        let mounted = try MountedTenant()
        for number in 0..<1005 {
            try await mounted.add("user=bob/topic=auth/\(number).md", "1")
        }
        let text = try mounted.read(".loci/events")
        #expect(try mounted.status(".loci/events").st_size == text.utf8.count)
        let lines = try text.split(separator: "\n").map { try JSON(parsing: String($0)) }
        #expect(lines.count == 1000)
        #expect(lines.last?["path"]?.stringValue == "user=bob/topic=auth/1004.md")
        #expect(lines.last?["op"]?.stringValue == "add")
        let cursors = lines.compactMap { $0["cursor"]?.integerValue }
        #expect(cursors == Array(cursors[0]..<cursors[0] + 1000))
        try await mounted.add("user=bob/topic=auth/new.md", "1")
        #expect(try mounted.read(".loci/events").contains("new.md"))
        // They tell of every memory: the mount's owner reads them.
        #expect(try mounted.status(".loci/events").st_mode & 0o777 == 0o400)
    }

    @Test("metrics count the requests of each operation, and tell what is staged")
    func metrics() async throws {
        let mounted = try MountedTenant()
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        func value(_ metric: String) throws -> Int? {
            let lines = try mounted.read(".loci/metrics").split(separator: "\n")
            return lines.first { $0.hasPrefix(metric + " ") }?.split(separator: " ").last
                .flatMap { Int($0) }
        }
        let reads = #"loci_requests_total{operation="read"}"#
        let before = try value(reads) ?? 0
        #expect(try mounted.read("user=bob/topic=auth/a.md") == "1")
        // One read of the memory, and one of the text that tells the first count.
        #expect(try value(reads) == before + 2)
        #expect(try mounted.read("user=bob/topic=auth/a.md") == "1")
        #expect(try value(reads) == before + 3)
        #expect(try value("loci_memories") == 1)
        #expect(try value("loci_staged_files") == 0)
        try mounted.write("user=bob/topic=auth/a.md", "22")
        #expect(try value("loci_staged_files") == 1)
        #expect(try #require(try value("process_resident_memory_bytes")) > 1 << 20)
    }

    @Test("by-id leads to the memory")
    func byID() async throws {
        let mounted = try MountedTenant()
        let memory = try await mounted.add("user=bob/topic=auth/a.md", "1")
        #expect(try mounted.list(".loci/by-id") == [memory.id.description])
        #expect(try mounted.read(".loci/by-id/\(memory.id)") == "1")
    }

    @Test("meta shows a memory's metadata, and writing attributes edits them")
    func meta() async throws {
        let mounted = try MountedTenant()
        let memory = try await mounted.add("user=bob/topic=auth/a.md", "1")
        let path = ".loci/meta/user=bob/topic=auth/a.md"
        #expect(try mounted.walk(".loci/meta") == [path])
        let json = try JSON(parsing: try mounted.read(path))
        #expect(json["id"]?.stringValue == memory.id.description)
        #expect(json["attributes"]?["user"]?.stringValue == "bob")
        try mounted.write(path, #"{"attributes":{"topic":"db","mood":"good"}}"#)
        let after = try mounted.outside.memory(memory.id)
        #expect(after.attributes == ["user": "bob", "topic": "db", "mood": "good"])
        let moved = try mounted.eventually {
            try mounted.walk() == ["user=bob/topic=db/a.md"]
        }
        #expect(moved != nil)
        let there = ".loci/meta/user=bob/topic=db/a.md"
        #expect(throws: Failed(code: EINVAL)) { try mounted.write(there, "not json") }
        #expect(throws: Failed(code: EINVAL)) { try mounted.write(there, #"{"a":1}"#) }
        #expect(try mounted.read(".loci/last-error").contains("attributes"))
        try mounted.write(there, #"{"attributes":{"mood":null}}"#)
        #expect(try mounted.outside.memory(memory.id).attributes["mood"] == nil)
    }

    @Test("nothing can be made in .loci")
    func protected() throws {
        let mounted = try MountedTenant()
        #expect(throws: Failed(code: EPERM)) { try mounted.write(".loci/x", "1") }
        #expect(throws: Failed(code: EPERM)) { try mounted.makeDirectory(".loci/layouts/7") }
        #expect(throws: Failed(code: EPERM)) { try mounted.removeDirectory(".loci") }
    }

    @Test("a recursive walk of .loci comes to its end, and generated nodes are forgotten")
    func finite() async throws {
        let mounted = try MountedTenant()
        for index in 0..<20 { try await mounted.add("user=u/topic=t/\(index).md", "x") }
        // Texts, and each memory in a layout, in `meta` and with one revision in `history`.
        let files = try mounted.walk(".loci")
        #expect(files.count == 66)
        for file in files { _ = try mounted.read(file) }
        #expect(mounted.daemon.fileSystem.generated.count < 200)
    }

    @Test("attributes are extended attributes with -o xattr")
    func extended() async throws {
        let mounted = try MountedTenant("user={user}/topic={topic}", "xattr")
        try await mounted.add("user=bob/topic=auth/a.md", "1")
        let file = mounted.full("user=bob/topic=auth/a.md")
        // Glibc's module has no <sys/xattr.h>.
        typealias Get =
            @convention(c) (
                UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int
            ) -> Int
        let symbol = unsafe dlsym(nil, "getxattr")
        let get = unsafe unsafeBitCast(try #require(symbol), to: Get.self)
        var value = [UInt8](repeating: 0, count: 64)
        let count = unsafe get(file, "user.loci.user", &value, 64)
        #expect(String(decoding: value.prefix(max(0, count)), as: UTF8.self) == "bob")
        #expect(unsafe get(file, "user.loci.none", &value, 64) == -1 && errno == ENODATA)
    }
}
