import Catalog
import Linux
import Model
import Mount
import Testing

private func withJournal(_ body: (String) throws -> Void) throws {
    let random = try Machine.random(count: 8).map { String($0, radix: 16) }.joined()
    let path = "/tmp/loci-journal-\(random)"
    defer { try? File.workingDirectory.unlink(path) }
    try body(path)
}

private let place = StagedPlace(
    directory: NodeNumber(4_294_967_300),
    name: Name(unchecked: Array("päper.md".utf8)),
    layout: LayoutNumber(2),
    directories: [Name(unchecked: Array("user=bob".utf8)), Name(unchecked: [0xFF, 0x20])],
    position: ListingPosition(rawValue: 4_294_967_299)
)

private let attributes = JournalAttributes(
    permissions: 0o640,
    uid: 1_000,
    gid: 100,
    mtime: -5,
    mtimeIsSet: true
)

private let every: [JournalRecord] = [
    .created(NodeNumber(7), place, attributes, recalls: nil),
    .created(NodeNumber(7), place, attributes, recalls: 12),
    .attached(NodeNumber(8), memory: 3, base: 9),
    .bytes(NodeNumber(8), file: 44),
    .unnamed(NodeNumber(7)),
    .attributes(NodeNumber(.max), attributes),
    .synced(NodeNumber(8)),
    .replaces(NodeNumber(8), memory: 5),
    .inline(NodeNumber(8)),
    .content(NodeNumber(8), offset: 12, bytes: [1, 2, 0, 255], mtime: -3),
    .content(NodeNumber(8), offset: 0, bytes: [], mtime: 3),
    .length(NodeNumber(8), 7, mtime: 4),
    .dropped(NodeNumber(8)),
]

@Suite("The staging journal")
struct StagingJournalTests {
    @Test("every record reads back as it was written")
    func roundTrip() throws {
        for record in every { #expect(JournalRecord(encoded: record.encoded[...]) == record) }
    }

    @Test("records survive the process")
    func survives() throws {
        try withJournal { path in
            let journal = try StagingJournal(path: path)
            for record in every { try journal.append(record) }
            try journal.append(every)
            try journal.sync()
            #expect(try StagingJournal(path: path).read().records == every + every)
        }
    }

    @Test("a torn tail hides nothing that is before it, and what is appended later is read")
    func tornTail() throws {
        try withJournal { path in
            let journal = try StagingJournal(path: path)
            try journal.append(every[0])
            let first = journal.size
            try journal.append(every[1])
            let whole = journal.size
            for length in first..<whole {
                try File.open(path, [.readWrite]).truncate(to: length)
                let again = try StagingJournal(path: path)
                #expect(try again.read().records == [every[0]], "cut at \(length)")
                try again.append(every[2])
                #expect(try StagingJournal(path: path).read().records == [every[0], every[2]])
                try File.open(path, [.readWrite]).truncate(to: first)
                try StagingJournal(path: path).append(every[1])
            }
        }
    }

    @Test("a damaged record ends the reading there")
    func damage() throws {
        try withJournal { path in
            let journal = try StagingJournal(path: path)
            try journal.append(every[0])
            let first = journal.size
            try journal.append(every[2])
            for offset in first..<journal.size {
                let file = try File.open(path, [.readWrite])
                let byte = try file.read(count: 1, at: offset)
                try file.write([byte[0] ^ 0x40], at: offset)
                #expect(try StagingJournal(path: path).read().records == [every[0]])
                try file.write(byte, at: offset)
            }
            #expect(try StagingJournal(path: path).read().records == [every[0], every[2]])
        }
    }

    @Test("it is cut only while nothing is staged")
    func clears() throws {
        try withJournal { path in
            let journal = try StagingJournal(path: path)
            try journal.append(every)
            try journal.clear { false }
            #expect(try journal.read().records == every)
            try journal.clear { true }
            #expect(journal.size == 0)
            try journal.append(every[0])
            #expect(try StagingJournal(path: path).read().records == [every[0]])
        }
    }
}

@Suite("Replaying a staging journal")
struct StagingReplayTests {
    private let node = NodeNumber(7)

    @Test("what was committed, or lost its name, leaves nothing")
    func leavesNothing() {
        for end in [JournalRecord.dropped(node), .unnamed(node)] {
            let replay = StagingReplay([
                .created(node, place, attributes, recalls: nil), .bytes(node, file: 1), end,
            ])
            #expect(replay.entries.isEmpty)
        }
    }

    @Test("a copy that was made after the sync is not synced")
    func copyAfterSync() {
        var records: [JournalRecord] = [
            .attached(node, memory: 3, base: 1), .bytes(node, file: 1), .synced(node),
        ]
        #expect(StagingReplay(records).entries[node]?.isSynced == true)
        records.append(.bytes(node, file: 2))
        #expect(StagingReplay(records).entries[node]?.isSynced == false)
        #expect(StagingReplay(records).entries[node]?.file == 2)
    }

    @Test("bytes that the journal has are those written in that order, and stay synced")
    func content() {
        let records: [JournalRecord] = [
            .created(node, place, attributes, recalls: nil), .inline(node),
            .content(node, offset: 2, bytes: [3, 4, 5], mtime: 10), .synced(node),
            .length(node, 4, mtime: 11), .content(node, offset: 0, bytes: [1], mtime: 12),
        ]
        let entry = StagingReplay(records).entries[node]
        #expect(entry?.content == [1, 0, 3, 4])
        #expect(entry?.contentTime == 12)
        #expect(entry?.isSynced == true)
        let moved = StagingReplay(records + [.bytes(node, file: 3)]).entries[node]
        #expect(moved?.content == nil)
        #expect(moved?.file == 3)
        let anew = StagingReplay(records + [.inline(node)]).entries[node]
        #expect(anew?.content == [])
        #expect(anew?.isSynced == false)
    }

    @Test("a file that was born while it was written is a memory's")
    func rebased() {
        let entry = StagingReplay([
            .created(node, place, attributes, recalls: nil), .bytes(node, file: 1),
            .bytes(node, file: 2), .attached(node, memory: 4, base: 1),
        ]).entries[node]
        #expect(entry?.place == nil)
        #expect(entry?.memory == 4)
        #expect(entry?.file == 2)
    }

    @Test("a rename over a memory that failed leaves the file at its own name")
    func failedReplacement() {
        let records: [JournalRecord] = [
            .created(node, place, attributes, recalls: nil), .replaces(node, memory: 5),
        ]
        #expect(StagingReplay(records).entries[node]?.replaces == 5)
        let failed = records + [.created(node, place, attributes, recalls: nil)]
        #expect(StagingReplay(failed).entries[node]?.replaces == nil)
        #expect(StagingReplay(failed).entries[node]?.place == place)
    }
}
