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

    @Test("a session whose process was killed this moment is waited for")
    func waitsForEnding() throws {
        // It takes a while to give so much memory back, and its locks go after that.
        let script = """
            import fcntl, os, struct, sys, time
            os.mkdir(sys.argv[1])
            lock = os.open(sys.argv[1] + "/lock", os.O_RDWR | os.O_CREAT)
            fcntl.fcntl(lock, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
            os.write(lock, b"%d python3\\n" % os.getpid())
            memory = bytearray(b"x") * (256 << 20)
            os.mkdir(sys.argv[1] + "-ready")
            time.sleep(100)
            """
        let session = "\(scratch.path)/area/s1"
        let area = StagingArea(directory: "\(scratch.path)/area")
        try File.workingDirectory.makeDirectory("\(scratch.path)/area")
        let child = try Child.spawn(
            Child.Command(
                executable: "/usr/bin/env",
                arguments: ["env", "python3", "-c", script, session]
            )
        )
        defer { _ = try? child.wait() }
        while try !child.hasEnded(), (try? File.status(of: session + "-ready")) == nil {
            SystemClock.sleep(.milliseconds(1))
        }
        #expect(try area.takeAbandonedSessions().map(\.name) == ["s1-ready"])
        try child.signal(9)
        #expect(try area.takeAbandonedSessions().map(\.name).contains("s1"))
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
