import CCalls
import Glibc
import Linux
import Testing

extension CallTests {
    @Suite("Attributes")
    struct Attributes {
        @Test("utimensat sets what it is told, and leaves what is UTIME_OMIT")
        func times() throws {
            try CallSides.compare { calls in
                let (omit, now) = (Int(calls_utime_omit), Int(calls_utime_now))
                for name in ["f", ".f", "d", ".d"] {
                    if name.hasSuffix("d") { calls.mkdir(name) } else { calls.put(name, "x") }
                    calls.inBothStates { _ in
                        for (access, modification) in [
                            ((1, 7), (2, 9)), ((0, omit), (0, omit)), ((77, 5), (0, omit)),
                            ((0, omit), (88, 6)), ((0, omit), (4_000_000_000, 6)),
                            ((0, omit), (-5, 6)), ((0, omit), (5, 1_000_000_000)),
                        ] {
                            calls.setTimes(name, access: access, modification: modification)
                            calls.modified(name)
                            calls.stat(name)
                        }
                        calls.moves("utime of \(name)", name) {
                            calls.setTimes(name, access: (0, omit), modification: (0, now))
                        }
                        calls.moves("omit both of \(name)", name) {
                            calls.setTimes(name, access: (0, omit), modification: (0, omit))
                        }
                        let before = SystemClock.realtime() / 1_000_000_000 - 1
                        calls.setTimes(name, access: (0, omit), modification: (0, now))
                        let set = Calls.status(of: name)?.st_mtim.tv_sec ?? 0
                        calls.note("now", (before...before + 60).contains(Int64(set)))
                        calls.setTimes(name, access: (3, 4), modification: (1000, 9))
                    }
                    calls.modified(name)
                }
                calls.setTimes("no", access: (0, now), modification: (0, now))
            }
        }

        @Test("a time that is set while a file is written is the time of the file")
        func timesOfWritten() throws {
            try CallSides.compare { calls in
                calls.inBothStates { _ in
                    let file = calls.open("f", O_WRONLY | O_CREAT)
                    calls.write(file, "1")
                    calls.result(
                        "futimens",
                        unsafe futimens(file, [timespec(), timespec(tv_sec: 5, tv_nsec: 7)])
                    )
                    calls.modified("f")
                    calls.close(file)
                    calls.modified("f")
                }
                calls.modified("f")
            }
        }

        @Test("a directory keeps the time that is set after files were made in it")
        func timesOfDirectories() throws {
            try CallSides.compare { calls in
                calls.mkdir("d")
                for number in 0..<5 { calls.put("d/\(number)", "x") }
                calls.setTimes("d", access: (1, 2), modification: (1_000_000, 9))
                calls.modified("d")
                calls.committed()
                calls.modified("d")
                calls.unlink("d/1")
                calls.setTimes("d", access: (1, 2), modification: (2_000_000, 9))
                calls.committed()
                calls.modified("d")
            }
        }

        @Test("chmod and chown keep, clear and refuse what the plain directory does")
        func modes() throws {
            try CallSides.compare { calls in
                for name in ["f", ".f"] {
                    calls.put(name, "x")
                    calls.inBothStates { _ in
                        for mode: mode_t in [
                            0o600, 0, 0o777, 0o4755, 0o2755, 0o1777, 0o6777, 0o444, 0o644, 0o2644,
                        ] {
                            calls.chmod(name, mode)
                            calls.stat(name)
                        }
                        let (user, group) = (geteuid(), getegid())
                        for (newUser, newGroup): (UInt32?, UInt32?) in [
                            (1, 1), (nil, 2), (3, nil), (nil, nil), (user, nil), (nil, group),
                            (user, group),
                        ] {
                            calls.chmod(name, 0o6755)
                            calls.chown(name, newUser, newGroup)
                            calls.stat(name)
                        }
                        calls.moves("chmod", name) { calls.chmod(name, 0o640) }
                        calls.moves("the same mode", name) { calls.chmod(name, 0o640) }
                        calls.moves("the same owner", name) { calls.chown(name, user, nil) }
                    }
                    calls.chmod(name, 0o6755)
                    let file = calls.open(name, O_WRONLY)
                    calls.write(file, "y")
                    calls.stat(name)
                    calls.close(file)
                    for mode: mode_t in [0o6755, 0o2745] {
                        calls.chmod(name, mode)
                        calls.truncate(name, to: 0)
                        calls.stat(name)
                        calls.chmod(name, mode)
                        calls.put(name, "z")
                        calls.stat(name)
                    }
                    calls.chmod(name, 0o6755)
                    calls.rename(name, name + "2")
                    calls.committed()
                    calls.stat(name + "2")
                }
                calls.chmod("no", 0o600)
                calls.chown("no", nil, nil)
            }
        }

        @Test("directories of tools have a mode and hand on their group where it says so")
        func foreignDirectories() throws {
            try CallSides.compare { calls in
                calls.mkdir(".d", mode: 0o700)
                for mode: mode_t in [0o750, 0o1777, 0o2775] {
                    calls.chmod(".d", mode)
                    calls.stat(".d")
                }
                if geteuid() == 0 {
                    calls.chown(".d", 5, 6)
                    calls.chmod(".d", 0o2775)
                }
                calls.mkdir(".d/sub")
                calls.put(".d/file", "")
                calls.mkdir(".d/sub/sub")
                for name in [".d", ".d/sub", ".d/file", ".d/sub/sub"] { calls.stat(name) }
            }
        }

        @Test("what is done to a file moves its times")
        func movingTimes() throws {
            try CallSides.compare { calls in
                for name in ["f", ".f"] {
                    calls.put(name, "x")
                    calls.inBothStates { _ in
                        let file = calls.open(name, O_RDWR)
                        func moves(_ what: String, _ body: () -> Void) {
                            calls.moves("\(what) \(name)", file, body)
                        }
                        moves("write") { calls.write(file, "zz", at: 0) }
                        moves("write the same") { calls.write(file, "zz", at: 0) }
                        moves("write nothing") { calls.write(file, "", at: 0) }
                        moves("commit") { calls.committed() }
                        moves("ftruncate") { calls.truncate(file, to: 1) }
                        moves("ftruncate to the same") { calls.truncate(file, to: 1) }
                        moves("truncate to the same") { calls.truncate(name, to: 1) }
                        moves("O_TRUNC") { calls.close(calls.open(name, O_WRONLY | O_TRUNC)) }
                        moves("O_TRUNC of nothing") {
                            calls.close(calls.open(name, O_WRONLY | O_TRUNC))
                        }
                        moves("read") { calls.read(file, 5, at: 0) }
                        moves("fsync") { calls.sync(file) }
                        moves("rename") { calls.rename(name, name + "2") }
                        moves("rename back") { calls.rename(name + "2", name) }
                        calls.put(name + "3", "over")
                        moves("rename over") { calls.rename(name + "3", name) }
                        calls.close(file)
                        let last = calls.open(name, O_RDWR)
                        calls.moves("unlink", last) { calls.unlink(name) }
                        calls.close(last)
                        calls.put(name, "again")
                    }
                }
            }
        }

        @Test("what is done in a directory moves its times, and a commit does not")
        func movingTimesOfDirectories() throws {
            try CallSides.compare { calls in
                for name in ["d", "o"] { calls.mkdir(name) }
                calls.put("d/old", "1")
                calls.committed()
                for round in 0..<2 {
                    func moves(_ what: String, _ body: () -> Void) {
                        for name in ["d", "o", "."] { calls.moves("\(what): \(name)", name) {} }
                        calls.moves("\(what)", "d", body)
                    }
                    func make(_ name: String) { calls.close(calls.open(name, O_WRONLY | O_CREAT)) }
                    moves("create") { make("d/n") }
                    if round == 1 { moves("commit") { calls.committed() } }
                    moves("write") { calls.put("d/old", "2") }
                    moves("rename within") { calls.rename("d/n", "d/m") }
                    moves("rename out") { calls.rename("d/m", "o/m") }
                    calls.moves("rename into", "d") { calls.rename("o/m", "d/m") }
                    calls.moves("rename from", "o") { calls.rename("d/m", "o/m") }
                    moves("unlink elsewhere") { calls.unlink("o/m") }
                    moves("mkdir") { calls.mkdir("d/s") }
                    moves("rmdir") { calls.rmdir("d/s") }
                    moves("create a tool's file") { make("d/.n") }
                    moves("unlink a tool's file") { calls.unlink("d/.n") }
                    moves("a create that fails") {
                        calls.close(calls.open("d/old", O_WRONLY | O_CREAT | O_EXCL))
                    }
                    moves("rename it") {
                        calls.rename("d", "D")
                        calls.rename("D", "d")
                    }
                    calls.moves("rename in its parent", ".") {
                        calls.rename("d", "D")
                        calls.rename("D", "d")
                    }
                    moves("commit") { calls.committed() }
                }
            }
        }

        @Test("statvfs shows the numbers of the volume, and names have 255 bytes")
        func volume() throws {
            try CallSides.compare { calls in
                var here = statvfs()
                var there = statvfs()
                calls.result("statvfs", unsafe statvfs(".", &here))
                calls.result("statvfs /tmp", unsafe statvfs("/tmp", &there))
                calls.note("block size", here.f_bsize == there.f_bsize)
                calls.note("fragment size", here.f_frsize == there.f_frsize)
                calls.note("blocks", here.f_blocks == there.f_blocks)
                calls.note("files", here.f_files == there.f_files)
                calls.note("longest name", here.f_namemax)
                // Others use the disk meanwhile.
                let difference =
                    max(here.f_bavail, there.f_bavail) - min(here.f_bavail, there.f_bavail)
                calls.note("free", difference < here.f_blocks / 10)
            }
        }
    }
}
