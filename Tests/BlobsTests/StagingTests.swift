import Blobs
import Linux
import TestSupport
import Testing

@Suite("Staging")
struct StagingTests {
    let scratch: Scratch
    let area: StagingArea

    init() throws {
        scratch = try Scratch()
        area = StagingArea(directory: scratch.path)
    }

    @Test("a session that lives is nobody else's")
    func keepsLiveSession() throws {
        let session = try area.begin(session: "s1")
        #expect(try area.takeAbandonedSessions().isEmpty)
        try session.end()
        #expect(try scratch.open().entries().map(\.name) == [Array("lock".utf8)])
    }

    @Test("an abandoned session is found once, with its files and its boot")
    func findsAbandoned() throws {
        do {
            let session = try area.begin(session: "s1")
            let staged = try session.create()
            try staged.file.write([1, 2, 3])
            _ = try session.create()
            try session.remove(2)
        }
        let found = try area.takeAbandonedSessions()
        #expect(found.map(\.name) == ["s1"])
        #expect(try area.takeAbandonedSessions().isEmpty)
        #expect(try found[0].machineIsTheSame())
        #expect(try found[0].numbers() == [1])
        #expect(try found[0].open(1).file.readAll(limit: 9) == [1, 2, 3])
        #expect(try found[0].create().number == 2)
    }

    @Test("a session that never noted its boot is not taken for one of this boot")
    func distrustsUnknownBoot() throws {
        try scratch.open().makeDirectory("torn")
        let found = try area.takeAbandonedSessions()
        #expect(found.map(\.name) == ["torn"])
        #expect(try !found[0].machineIsTheSame())
    }

    @Test("a session name cannot lead out of staging", arguments: ["", "..", "a/b", "lock"])
    func refusesNames(name: String) {
        #expect(throws: Errno.invalidArgument) { _ = try area.begin(session: name) }
    }
}
