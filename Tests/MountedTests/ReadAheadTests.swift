import Catalog
import Glibc
import Linux
import Loci
import Model
import Synchronization
import Testing

@testable import Mount

@Suite("What a thread fetches before it is asked for")
struct ReadAheadTests {
    private static func listed(_ numbers: ClosedRange<UInt64>) -> ReadAhead {
        let ahead = ReadAhead()
        ahead.noteListed(files(Array(numbers)), isFirst: true)
        return ahead
    }

    /// Files that nobody saved over.
    private static func files(_ numbers: [UInt64]) -> [ReadAhead.Listed] {
        numbers.map { file($0, at: $0) }
    }

    private static func file(_ number: UInt64, at position: UInt64) -> ReadAhead.Listed {
        ReadAhead.Listed(
            node: NodeNumber(number),
            position: ListingPosition(rawValue: position)
        )
    }

    /// What is wanted after a file was read.
    private func wanted(_ ahead: ReadAhead, after number: UInt64) -> UInt64? {
        ahead.noteRead(NodeNumber(number))
        return ahead.takeWanted()?.rawValue
    }

    @Test("is the next file of the listing, once two were read in its order")
    func followsTheListing() {
        let ahead = Self.listed(10...14)
        #expect(wanted(ahead, after: 12) == nil)
        #expect(wanted(ahead, after: 13) == 14)
        #expect(ahead.takeWanted() == nil, "it is fetched once")
        // At the end, out of order, and beyond.
        for number: UInt64 in [14, 10, 13, 99] { #expect(wanted(ahead, after: number) == nil) }
        #expect(wanted(ahead, after: 10) == 11)
        ahead.noteListed(Self.files([20]), isFirst: true)
        #expect(wanted(ahead, after: 11) == nil)
    }

    @Test("is the second file when a walk begins with the first, and goes on in the next piece")
    func beginsAtOnce() {
        let ahead = Self.listed(10...14)
        // A file that did not fit into the kernel's room is listed again.
        ahead.noteListed(Self.files([14, 15, 16]), isFirst: false)
        // Of another directory.
        ahead.noteListed(Self.files([3, 4]), isFirst: false)
        for number: UInt64 in 10..<16 { #expect(wanted(ahead, after: number) == number + 1) }
        #expect(wanted(ahead, after: 16) == nil)
    }

    @Test("is the next file also where some were saved over, and have other numbers")
    func followsSavedFiles() {
        let ahead = ReadAhead()
        let listed = [Self.file(10, at: 10), Self.file(90, at: 11), Self.file(70, at: 12)]
        ahead.noteListed(listed, isFirst: true)
        ahead.noteListed([Self.file(13, at: 13)], isFirst: false)
        #expect(wanted(ahead, after: 10) == 90)
        #expect(wanted(ahead, after: 90) == 70)
        #expect(wanted(ahead, after: 70) == 13)
        #expect(wanted(ahead, after: 90) == nil, "out of order")
        #expect(wanted(ahead, after: 70) == 13)
        // Numbers at which listings show others.
        for number: UInt64 in [11, 12] { #expect(wanted(ahead, after: number) == nil) }
    }

    @Test("is right for the commit that it was fetched at, and for no other")
    func knowsItsCommit() throws {
        let mounted = try MountedTenant("{folder...}")
        let path = mounted.directory + "/bytes"
        let file = try File.open(path, [.readWrite, .create])
        try file.write(Array("content".utf8))
        let ahead = ReadAhead()
        func fetch(_ number: UInt64, _ size: Int) {
            ahead.fetch(NodeNumber(number), from: file, size: size, generation: 3)
        }
        fetch(7, 7)
        #expect(ahead.take(NodeNumber(7), generation: 4) == nil)
        #expect(ahead.take(NodeNumber(8), generation: 3) == nil)
        let (bytes, count) = try #require(ahead.take(NodeNumber(7), generation: 3))
        #expect(String(decoding: bytes.prefix(count), as: UTF8.self) == "content")
        #expect(ahead.take(NodeNumber(7), generation: 3) == nil, "it is given once")
        ahead.giveBack(bytes)
        // A file that became shorter, and one that is too large.
        fetch(8, 8)
        #expect(ahead.take(NodeNumber(8), generation: 3) == nil)
        fetch(9, ReadAhead.limit + 1)
        #expect(ahead.take(NodeNumber(9), generation: 3) == nil)
        // In use, and then not.
        ahead.noteRead(NodeNumber(6))
        fetch(7, 7)
        ahead.rest()
        #expect(ahead.take(NodeNumber(7), generation: 3) != nil)
        fetch(7, 7)
        ahead.rest()
        #expect(ahead.take(NodeNumber(7), generation: 3) == nil)
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

    @Test("is what a walk gets, and it is what the files have")
    func answersWalks() async throws {
        let mounted = try MountedTenant("{folder...}")
        let names = (0..<40).map { "m\($0 + 100).md" }
        for name in names { try await mounted.add(name, "text of \(name)") }
        // Where others want the processors, a request is there before a thread has a moment.
        for _ in 0..<50 {
            mounted.unmount()
            try mounted.mount()
            for name in try mounted.list() { _ = try mounted.status(name) }
            for name in names { #expect(try mounted.read(name) == "text of \(name)") }
            if mounted.daemon.fileSystem.readAheadHits.load(ordering: .relaxed) > 10 { return }
        }
        Issue.record("nothing was fetched ahead")
    }
}
