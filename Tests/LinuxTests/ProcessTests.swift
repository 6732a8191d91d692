import Linux
import Synchronization
import TestSupport
import Testing

@Suite("Locks, waiting and processes")
struct ProcessTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test("an exclusive lock keeps out every other, a shared one only exclusive ones")
    func locksExclude() throws {
        let (one, two) = (try lock(), try lock())
        #expect(try one.tryLock())
        #expect(try !two.tryLock(.shared))
        #expect(try two.isHeldElsewhere())
        try one.unlock()
        #expect(try one.tryLock(.shared))
        #expect(try two.tryLock(.shared))
        #expect(try !two.tryLock(.exclusive))
    }

    @Test("a wait for a lock ends when its time is up, and at once when it is given back")
    func waitsForLocks() throws {
        let (one, two) = (try lock(), try lock())
        try one.lock()
        #expect(try !two.lock(timeout: .milliseconds(20)))
        let thread = try Thread.spawn(name: "unlocker") {
            SystemClock.sleep(.milliseconds(20))
            try? one.unlock()
        }
        #expect(try two.lock(timeout: .seconds(10)))
        thread.join()
    }

    @Test("who holds a lock can be told as long as it is held")
    func tellsHolder() throws {
        let (one, two) = (try lock(), try lock())
        try one.lock()
        try one.announce(.init(process: 42, command: "loci mount"))
        try one.announce(.init(process: 42, command: "loci"))
        #expect(try two.holder() == FileLock.Holder(process: 42, command: "loci"))
        try one.unlock()
        #expect(try two.holder() == nil)
    }

    @Test("a lock is gone with the process that held it")
    func lockDiesWithProcess() throws {
        let path = "\(scratch.path)/lock"
        let pipe = try Pipe()
        let file = try File.open(path, [.readWrite, .create])
        do {
            let held = FileLock(try file.duplicate())
            try held.lock()
        }
        let child = try Child.spawn(
            .init(
                executable: "/bin/cat",
                arguments: ["cat"],
                descriptors: [0: pipe.reading.descriptor, 5: file.descriptor]
            )
        )
        _ = consume file
        let other = try lock()
        #expect(try !other.tryLock())
        try child.signal(Signals.kill)
        #expect(try child.wait() == .signaled(Signals.kill))
        #expect(try other.tryLock())
    }

    @Test("a child gets the descriptors it was given, crosswise too, and no others")
    func mapsDescriptors() throws {
        let output = try Pipe()
        let extra = try Pipe()
        let number = extra.writing.descriptor
        let child = try Child.spawn(
            .init(
                executable: "/bin/sh",
                arguments: ["sh", "-c", "echo out; echo err >&2; ls /proc/self/fd | tr '\\n' ' '"],
                descriptors: [2: output.writing.descriptor, 1: output.writing.descriptor],
                newSession: true
            )
        )
        let reading = output.takeReading()
        let text = String(decoding: try reading.readAll(limit: 1 << 16), as: UTF8.self)
        #expect(try child.wait() == .exited(0))
        #expect(text.hasPrefix("out\nerr\n0 1 2 "))
        #expect(number > 3)
    }

    @Test("a program that does not exist is an error of the start")
    func refusesMissingProgram() {
        #expect(throws: Errno.noSuchFile) {
            _ = try Child.spawn(.init(executable: "/nonexistent", arguments: ["x"]))
        }
    }

    @Test("a watch sees a touch once, and nothing when nothing happened")
    func watches() throws {
        let path = "\(scratch.path)/wake"
        let file = try File.open(path, [.readWrite, .create])
        let watch = try FileWatch(path)
        #expect(try !watch.wait(timeout: .milliseconds(5)))
        try file.setTimes(modification: SystemClock.realtime())
        #expect(try watch.wait(timeout: .seconds(5)))
        #expect(try !watch.wait(timeout: .milliseconds(5)))
    }

    @Test("a wake event is taken once, however often it was signaled")
    func wakes() throws {
        let event = try WakeEvent()
        event.signal()
        event.signal()
        #expect(try event.wait(timeout: .seconds(1)))
        #expect(try !event.wait(timeout: .milliseconds(5)))
    }

    @Test("a thread has its name, and joining waits for its end")
    func threads() throws {
        let name = Mutex("")
        let thread = try Thread.spawn(name: "a-name-that-is-too-long") {
            let file = try? File.open("/proc/self/task/\(Thread.currentID)/comm")
            let bytes = (try? file?.readAll(limit: 99)) ?? []
            name.withLock { $0 = String(decoding: bytes, as: UTF8.self) }
        }
        thread.join()
        #expect(name.withLock { $0 } == "a-name-that-is-\n")
    }

    @Test("a process that was killed is ending until it is gone")
    func tellsEnding() throws {
        let child = try Child.spawn(
            Child.Command(executable: "/bin/sleep", arguments: ["sleep", "100"])
        )
        let process = RunningProcess(id: child.id)
        #expect(!process.isEnding)
        #expect(child.imminentEnding == nil)
        try child.signal(9)
        // Between taking the signal and beginning to exit it shows neither, for a moment.
        while !process.isEnding { SystemClock.sleep(.microseconds(100)) }
        // Ended, and nobody has asked how.
        while try !child.hasEnded() { SystemClock.sleep(.milliseconds(1)) }
        #expect(process.isEnding)
        #expect(child.imminentEnding == .signaled(9))
        _ = try child.wait()
        #expect(!process.isEnding)
    }

    @Test("how a process ends can be told before it was waited for")
    func tellsHowItEnds() throws {
        let child = try Child.spawn(
            Child.Command(executable: "/bin/sh", arguments: ["sh", "-c", "exit 3"])
        )
        while try !child.hasEnded() { SystemClock.sleep(.milliseconds(1)) }
        #expect(child.imminentEnding == .exited(3))
        #expect(try child.wait() == .exited(3))
    }

    @Test("this process can be looked at")
    func looksAtProcess() {
        #expect(RunningProcess.current.exists)
        #expect(RunningProcess.current.name != nil)
        #expect(RunningProcess.current.arguments?.isEmpty == false)
        #expect(RunningProcess(id: .max).arguments == nil)
        #expect(!RunningProcess(id: .max).exists)
    }

    @Test("a thread's process, its user and the directories that it keeps can be told")
    func tellsDirectories() throws {
        let device = try File.status(of: scratch.path).identity.device
        let ids = try File.open("/proc/self/task", [.readOnly, .directory]).entries()
        for id in ids.compactMap({ Int32(String(decoding: $0.name, as: UTF8.self)) }) {
            // A thread may have ended since.
            guard let leader = RunningProcess(id: id).leader else { continue }
            #expect(leader == .current)
        }
        #expect(RunningProcess.all.contains(.current))
        #expect(RunningProcess.current.user == EffectiveUser.id)
        let open = try File.open(scratch.path, [.readOnly, .directory])
        let child = try Child.spawn(
            Child.Command(
                executable: "/bin/sleep",
                arguments: ["sleep", "60"],
                descriptors: [0: open.descriptor, 1: open.descriptor, 2: open.descriptor],
                directory: scratch.path
            )
        )
        defer {
            try? RunningProcess(id: child.id).signal(9)
            _ = try? child.wait()
        }
        let held = RunningProcess(id: child.id).heldDirectories(on: [device])
            .filter { $0.path == Array(scratch.path.utf8) }
        #expect(held.filter { $0.manner == .working }.count == 1)
        #expect(held.filter { $0.manner == .open }.count == 3)
        #expect(RunningProcess(id: child.id).heldDirectories(on: []).isEmpty)
    }

    private func lock() throws -> FileLock { try FileLock(path: "\(scratch.path)/lock") }
}

@Suite("Names of users")
struct UserNameTests {
    @Test("stand in the log: the system's, or the number where it knows none")
    func actor() {
        #expect(UserName.actor(of: 0) == "root")
        #expect(UserName.actor(of: 4_000_000_123) == "uid:4000000123")
        #expect(UserName.actor(of: 4_000_000_123) == "uid:4000000123")
    }
}
