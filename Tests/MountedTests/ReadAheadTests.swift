import Glibc
import Linux
import Loci
import Model
import Testing

@testable import Mount

@Suite("What a thread fetches before it is asked for")
struct ReadAheadTests {
    private static func listed(_ numbers: ClosedRange<UInt64>) -> ReadAhead {
        let ahead = ReadAhead()
        ahead.beginListing()
        for number in numbers { ahead.noteListed(NodeNumber(number)) }
        return ahead
    }

    @Test("is the next file of the listing, once two were read in its order")
    func followsTheListing() {
        let ahead = Self.listed(10...14)
        ahead.noteRead(NodeNumber(12))
        #expect(ahead.wanted == nil)
        ahead.noteRead(NodeNumber(13))
        #expect(ahead.wanted == NodeNumber(14))
        // At the end, out of order, and beyond.
        for number: UInt64 in [14, 10, 13, 99] {
            ahead.noteRead(NodeNumber(number))
            #expect(ahead.wanted == nil)
        }
        ahead.noteRead(NodeNumber(10))
        ahead.beginListing()
        ahead.noteRead(NodeNumber(11))
        #expect(ahead.wanted == nil)
    }

    @Test("is the second file when a walk begins with the first")
    func beginsAtOnce() {
        let ahead = Self.listed(10...14)
        // A file that did not fit into the kernel's room is listed again.
        ahead.noteListed(NodeNumber(14))
        ahead.noteRead(NodeNumber(10))
        #expect(ahead.wanted == NodeNumber(11))
        ahead.noteRead(NodeNumber(11))
        ahead.noteRead(NodeNumber(12))
        ahead.noteRead(NodeNumber(13))
        #expect(ahead.wanted == NodeNumber(14))
        ahead.noteRead(NodeNumber(14))
        #expect(ahead.wanted == nil)
    }

    @Test("is right for the commit that it was fetched at, and for no other")
    func knowsItsCommit() throws {
        let mounted = try MountedTenant("{folder...}")
        let path = mounted.directory + "/bytes"
        let file = try File.open(path, [.readWrite, .create])
        try file.write(Array("content".utf8))
        let ahead = ReadAhead()
        ahead.fetch(NodeNumber(7), from: file, size: 7, generation: 3)
        #expect(ahead.size(of: NodeNumber(7), generation: 3) == 7)
        #expect(String(decoding: ahead.bytes.prefix(7), as: UTF8.self) == "content")
        #expect(ahead.size(of: NodeNumber(7), generation: 4) == nil)
        #expect(ahead.size(of: NodeNumber(8), generation: 3) == nil)
        // A file that became shorter, and one that is too large.
        ahead.fetch(NodeNumber(8), from: file, size: 8, generation: 3)
        #expect(ahead.size(of: NodeNumber(8), generation: 3) == nil)
        #expect(ahead.size(of: NodeNumber(7), generation: 3) == nil)
        ahead.fetch(NodeNumber(9), from: file, size: ReadAhead.limit + 1, generation: 3)
        #expect(ahead.size(of: NodeNumber(9), generation: 3) == nil)
    }

    @Test("is never what a file was before: files that change right before they are read")
    func readsWhatIsThere() async throws {
        let mounted = try MountedTenant("{folder...}")
        let names = (0..<40).map { "m\($0 + 100).md" }
        for name in names { try await mounted.add(name, "first of \(name)") }
        for round in 0..<5 {
            mounted.unmount()
            try mounted.mount()
            // With attributes, as `grep -r` has it.
            for name in try mounted.list() { _ = try mounted.status(name) }
            for (index, name) in names.enumerated() {
                // What comes after it was fetched by now; a commit makes that worthless.
                if index % 3 == 2 {
                    let text = "round \(round) of \(name)"
                    _ = try await mounted.outside.edit(
                        mounted.outside.memory(at: try NamePath(name)).id,
                        content: Array(text.utf8),
                        origin: MountedTenant.origin
                    )
                    let took = try mounted.eventually { try mounted.read(name) == text }
                    #expect(took != nil, "\(name) in round \(round)")
                } else {
                    #expect(try mounted.read(name) == "first of \(name)")
                }
            }
        }
    }
}
