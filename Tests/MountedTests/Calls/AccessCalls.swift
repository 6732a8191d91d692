import CCalls
import Glibc
import Testing

extension CallTests {
    @Suite("Locks and permissions")
    struct Access {
        @Test("flock: one descriptor's lock keeps another's out, also after a rename")
        func flocks() throws {
            try CallSides.compare { calls in
                calls.put("f", "1")
                calls.inBothStates { _ in
                    let one = calls.open("f", O_RDWR)
                    let two = calls.open("f", O_RDWR)
                    func lock(_ file: Int32, _ kind: Int32) {
                        calls.result("flock \(kind)", flock(file, kind | LOCK_NB))
                    }
                    lock(one, LOCK_EX)
                    lock(two, LOCK_EX)
                    lock(two, LOCK_SH)
                    lock(one, LOCK_SH)
                    lock(two, LOCK_SH)
                    calls.rename("f", "g")
                    let three = calls.open("g", O_RDONLY)
                    lock(three, LOCK_EX)
                    calls.close(one)
                    lock(two, LOCK_UN)
                    lock(three, LOCK_EX)
                    lock(two, LOCK_SH)
                    calls.close(two)
                    calls.close(three)
                    calls.rename("g", "f")
                }
                let directory = calls.open(".", O_RDONLY)
                calls.result("flock of a directory", flock(directory, LOCK_EX | LOCK_NB))
                calls.close(directory)
            }
        }

        @Test("fcntl: one process's lock of a range keeps another's out of it")
        func recordLocks() throws {
            try CallSides.compare { calls in
                calls.put("f", "0123456789")
                calls.committed()
                // The mount is served by this process, and each descriptor that it closes would end
                // this thread's locks. From here on nothing is committed by these calls.
                calls.result("own descriptors", calls_own_descriptors())
                for state in ["committed", "staged"] {
                    let file = calls.open("f", O_RDWR)
                    if state == "staged" { calls.write(file, "written") }
                    func lock(_ kind: Character, _ start: Int64, _ length: Int64) {
                        calls.result(
                            "lock \(kind) \(start) \(length)",
                            calls_lock(file, CChar(kind.asciiValue ?? 0), start, length)
                        )
                    }
                    let tries: @Sendable (Calls) -> Void = { other in
                        let file = other.open("f", O_RDWR)
                        for (kind, start): (Character, Int64) in [
                            ("w", 0), ("r", 0), ("w", 20), ("r", 20), ("w", 40), ("u", 0),
                        ] {
                            let code = CChar(kind.asciiValue ?? 0)
                            other.result("lock \(kind) \(start)", calls_lock(file, code, start, 10))
                        }
                        other.close(file)
                    }
                    lock("w", 0, 10)
                    lock("r", 20, 10)
                    try calls.elsewhere(tries)
                    lock("u", 0, 10)
                    try calls.elsewhere(tries)
                    lock("w", 0, 0)
                    try calls.elsewhere(tries)
                    // Any descriptor that a process closes ends its locks.
                    calls.close(calls.open("f", O_RDONLY))
                    try calls.elsewhere(tries)
                    lock("w", 0, 10)
                    calls.close(file)
                    let reading = calls.open("f", O_RDONLY)
                    calls.result("lock w", calls_lock(reading, CChar(119), 0, 10))
                    calls.result("lock r", calls_lock(reading, CChar(114), 0, 10))
                    calls.close(reading)
                }
            }
        }

        @Test("access and open obey the mode")
        func modes() throws {
            try CallSides.compare { calls in
                for name in ["f", ".f"] {
                    calls.put(name, "1")
                    calls.inBothStates { _ in
                        for mode: mode_t in [0o644, 0o444, 0o200, 0o100, 0, 0o077, 0o755] {
                            calls.chmod(name, mode)
                            for asked in [F_OK, R_OK, W_OK, X_OK, R_OK | W_OK] {
                                calls.result("access \(asked)", unsafe access(name, asked))
                            }
                            for flags in [O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC] {
                                calls.close(calls.open(name, flags))
                            }
                            calls.truncate(name, to: 1)
                        }
                    }
                }
                for name in ["no", ".", "f/x"] {
                    calls.result("access \(name)", unsafe access(name, R_OK | X_OK))
                }
            }
        }

        private static func prepare(_ calls: Calls) {
            for (name, mode) in [
                ("open", 0o777), ("sticky", 0o1777), ("closed", 0o755), ("shut", 0o700),
            ] {
                let directory = ".\(name)"
                calls.mkdir(directory)
                for file in ["public", "private"] {
                    calls.put("\(directory)/\(file)", "root's")
                }
                calls.chmod("\(directory)/private", 0o600)
                calls.chmod(directory, mode_t(mode))
            }
            calls.put("memory", "root's")
            calls.put("secret", "root's", mode: 0o600)
            calls.put("shared", "anybody's", mode: 0o666)
            calls.chmod("shared", 0o666)
        }

        @Test(
            "another user may do what modes, owners and the sticky bit allow",
            .enabled(if: geteuid() == 0)
        )
        func otherUser() throws {
            try CallSides.compareAsRoot { calls in
                Self.prepare(calls)
                try calls.inBothStates { state in
                    try calls.elsewhere(as: 54_321) { other in
                        for directory in [".open", ".sticky", ".closed", ".shut"] {
                            other.list(directory)
                            for file in ["public", "private"] {
                                let name = "\(directory)/\(file)"
                                other.cat(name)
                                other.close(other.open(name, O_WRONLY))
                                other.chmod(name, 0o666)
                                other.chown(name, 54_321, nil)
                                other.setTimes(name, access: (1, 1), modification: (2, 2))
                            }
                            other.put("\(directory)/own-\(state)", "mine")
                            other.stat("\(directory)/own-\(state)")
                            other.mkdir("\(directory)/sub")
                            other.stat("\(directory)/sub")
                            other.rename("\(directory)/public", "\(directory)/moved")
                            other.rename("\(directory)/moved", "\(directory)/public")
                            other.rmdir("\(directory)/sub")
                            other.unlink("\(directory)/own-\(state)")
                            other.chmod(directory, 0o777)
                        }
                        for name in ["memory", "secret", "shared"] {
                            other.cat(name)
                            other.truncate(name, to: 3)
                            other.close(other.open(name, O_WRONLY | O_TRUNC))
                            other.chmod(name, 0o777)
                            other.chown(name, 54_321, nil)
                            other.setTimes(name, access: (1, 1), modification: (2, 2))
                            other.unlink(name)
                            other.rename(name, "\(name)2")
                        }
                        other.put("new", "mine")
                        other.mkdir("new-directory")
                        other.rename(".open/public", ".sticky/taken")
                        other.rename(".sticky/taken", ".open/public")
                    }
                    for name in ["memory", "secret", "shared", ".open/public"] {
                        calls.stat(name)
                        calls.cat(name)
                    }
                    calls.put("shared", "anybody's")
                }
                calls.list(".open")
                calls.list(".sticky")
            }
        }
    }
}
