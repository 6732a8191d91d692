package import Linux

/// Where content is kept while it is being written: one folder for each session.
///
/// ```
/// <staging>/lock               held for the moment in which a session begins, ends or is found
/// <staging>/<session>/lock     held as long as the session's process lives
/// <staging>/<session>/boot     the machine's boot id when the session began
/// <staging>/<session>/<number> a staged file
/// ```
package struct StagingArea: Sendable {
    let path: String

    /// Uses a directory that exists.
    package init(directory path: String) {
        self.path = path
    }

    /// Begins a session in a new folder.
    ///
    /// The name is one component of a path; `EEXIST` where a session has it.
    package func begin(session name: String) throws(Errno) -> StagingSession {
        try Self.check(name)
        return try exclusively { () throws(Errno) in
            try File.workingDirectory.makeDirectory("\(path)/\(name)", mode: 0o700)
            let session = try StagingSession(area: self, name: name, boot: try Machine.bootID())
            let boot = try session.directory.open("boot", [.writeOnly, .create, .truncate])
            try boot.write(Array((session.boot ?? "").utf8))
            try boot.sync()
            return session
        }
    }

    /// Takes a session over from a process that is gone, with the lock that somebody kept of it.
    package func resume(
        session name: String,
        lock: borrowing File
    ) throws(Errno) -> StagingSession {
        try Self.check(name)
        return try StagingSession(area: self, name: name, boot: nil, lock: lock.duplicate())
    }

    /// The sessions whose process is gone.
    ///
    /// One that was killed and is not yet gone is waited for, at most `patience`: who mounts right
    /// after a kill must see what was written before it.
    ///
    /// Each one's lock is held by now: it is the caller's to recover, and nobody else's.
    package func takeAbandonedSessions(
        patience: Duration = .seconds(10)
    ) throws(Errno) -> [StagingSession] {
        let deadline = SystemClock.monotonic() + patience.wholeNanoseconds
        while try hasEndingSession(), SystemClock.monotonic() < deadline {
            SystemClock.sleep(.milliseconds(1))
        }
        return try exclusively { () throws(Errno) in
            var found: [StagingSession] = []
            for entry in try File.open(path, [.readOnly, .directory]).entries() {
                if entry.kind != .directory { continue }
                let name = String(decoding: entry.name, as: UTF8.self)
                do throws(Errno) {
                    found.append(try StagingSession(area: self, name: name, boot: nil))
                } catch .again {
                    continue
                }
            }
            return found
        }
    }

    /// The lock of who recovers abandoned sessions: one process at a time, and others wait.
    package func recoveryLock() throws(Errno) -> FileLock { try FileLock(path: "\(path)/recovery") }

    /// Whether a session's process is gone, as far as one look tells.
    package func hasAbandonedSession() throws(Errno) -> Bool {
        try hasSession { (lock) throws(Errno) in try !lock.isHeldElsewhere() }
    }

    private func hasEndingSession() throws(Errno) -> Bool {
        try hasSession { (lock) throws(Errno) in
            // What the holder wrote is good enough to decide on a pause.
            guard let holder = try lock.holder() else { return false }
            let process = RunningProcess(id: holder.process)
            if process.isEnding { return true }
            // Between taking the signal and beginning to exit it shows neither, for a moment.
            SystemClock.sleep(.milliseconds(2))
            return process.isEnding
        }
    }

    private func hasSession(where test: (FileLock) throws(Errno) -> Bool) throws(Errno) -> Bool {
        for entry in try File.open(path, [.readOnly, .directory]).entries()
        where entry.kind == .directory {
            let session = "\(path)/\(String(decoding: entry.name, as: UTF8.self))"
            do throws(Errno) {
                if try test(FileLock(try File.open("\(session)/lock", .readWrite))) { return true }
            } catch .noSuchFile {
                continue
            }
        }
        return false
    }

    func exclusively<Result>(_ body: () throws(Errno) -> Result) throws(Errno) -> Result {
        let lock = try FileLock(path: "\(path)/lock")
        try lock.lock()
        // Closing its file gives the lock back.
        return try withExtendedLifetime(lock) { () throws(Errno) in try body() }
    }

    private static func check(_ name: String) throws(Errno) {
        let bad = name.isEmpty || name.utf8.contains(UInt8(ascii: "/"))
        if bad || [".", "..", "lock", "recovery"].contains(name) { throw .invalidArgument }
    }
}
