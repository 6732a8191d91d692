import CCalls
import Glibc
import Testing

extension CallTests {
    @Suite("Names")
    struct Names {
        private static func tree(_ calls: Calls) {
            for name in ["d", "e", ".t", ".v"] { calls.mkdir(name) }
            for name in ["a", "b", "d/x", ".dot", "keep~", ".t/u"] { calls.put(name, name) }
        }

        @Test("rename answers what cannot be renamed alike, with every flag")
        func refused() throws {
            try CallSides.compare { calls in
                Self.tree(calls)
                calls.inBothStates { _ in
                    for (from, to) in [
                        ("a", "a"), ("a", "no/x"), ("no", "x"), ("no", "a"), ("a", "d"), ("d", "a"),
                        ("d", "d/sub"), ("d", "d"), ("d/x", "d"), ("a", "d/"), ("a", "n/"),
                        ("a/", "n"), ("a/x", "n"), ("a", "b/x"), (".", "x"), ("d/.", "x"),
                        ("d/..", "x"), ("a", "."), ("a", ".."), ("d", "."), (".dot", ".dot"),
                        ("a", ""), ("", "a"), (".t", ".t/x"), (".t/u", ".t"), (".v", ".dot"),
                        (".dot", ".v"),
                    ] {
                        for flags in [0, CallTests.noReplace, CallTests.exchange, 3, 1 << 4]
                        where flags != CallTests.exchange || !["a", "d"].contains(from) {
                            calls.rename(from, to, flags)
                        }
                    }
                    for name in [".", "d", ".t", ".v"] { calls.list(name) }
                }
            }
        }

        @Test("a rename replaces what has the name, and NOREPLACE does not")
        func replacing() throws {
            try CallSides.compare { calls in
                Self.tree(calls)
                calls.inBothStates { state in
                    calls.put("new", "new \(state)")
                    calls.rename("new", "a", CallTests.noReplace)
                    calls.rename("new", ".dot", CallTests.noReplace)
                    calls.rename("new", "a")
                    calls.cat("a")
                    calls.rename("a", "free", CallTests.noReplace)
                    calls.rename("free", "a")
                    calls.rename("a", ".dot")
                    calls.cat(".dot")
                    calls.rename(".dot", "b")
                    calls.cat("b")
                    calls.put(".dot", "dot \(state)")
                    calls.put(".other", "other")
                    calls.rename(".dot", ".other")
                    calls.cat(".other")
                    calls.rename(".other", ".dot")
                    calls.put("a", "a")
                    calls.rename("a", "d/x")
                    calls.cat("d/x")
                    calls.put("a", "a again")
                    for name in [".", "d"] { calls.list(name) }
                }
            }
        }

        @Test("EXCHANGE changes two files, two directories, and two of tools'")
        func exchange() throws {
            try CallSides.compare { calls in
                Self.tree(calls)
                calls.put("e/y", "y")
                calls.inBothStates { _ in
                    for (one, other) in [
                        ("a", "b"), ("a", "d/x"), ("d", "e"), (".dot", "keep~"), (".t", ".v"),
                        (".dot", ".t"), (".dot", ".t"), ("a", "a"), ("no", "a"), ("a", "no"),
                        ("d", "no"), (".dot", "no"),
                    ] {
                        calls.rename(one, other, CallTests.exchange)
                        for name in [one, other] { calls.cat(name) }
                        for name in [".", "d", "e", ".t", ".v"] { calls.list(name) }
                    }
                    calls.mkdir("d/s")
                    calls.rename("d", "d/s", CallTests.exchange)
                    calls.rename("d/s", "d", CallTests.exchange)
                    calls.rmdir("d/s")
                }
            }
        }

        @Test("directories move with all beneath them, onto empty ones only")
        func directories() throws {
            try CallSides.compare { calls in
                Self.tree(calls)
                for name in ["f", "d/s"] { calls.mkdir(name) }
                for name in ["f/z", "d/s/deep"] { calls.put(name, name) }
                for (from, to) in [
                    ("d", "f"), ("d", "e"), ("e", "e/s/q"), ("e/s", "e"), ("e/s", "."),
                    ("f", "e/s"), (".t", ".v"), (".v", ".v/x"), (".v", ".v/u"), ("e", "g"),
                    ("g", "h/i"), ("g/s", "s"), ("f", "g/f"),
                ] {
                    calls.rename(from, to)
                    calls.list()
                }
                for name in ["s/deep", "g/f/z", "g/x", ".v/u"] { calls.cat(name) }
            }
        }

        @Test("a file that was removed is there for who has it open, without links")
        func unlinkOpen() throws {
            try CallSides.compare { calls in
                for name in ["f", ".f", "unborn"] {
                    let file = calls.open(name, O_RDWR | O_CREAT)
                    calls.write(file, "hello")
                    if name != "unborn" { calls.committed() }
                    calls.unlink(name)
                    calls.stat(name)
                    calls.read(file, 20, at: 0)
                    calls.write(file, " more")
                    calls.stat(file)
                    calls.truncate(file, to: 3)
                    calls.result("fchmod", fchmod(file, 0o600))
                    calls.result(
                        "futimens",
                        unsafe futimens(file, [timespec(), timespec(tv_sec: 5, tv_nsec: 7)])
                    )
                    calls.stat(file)
                    let again = calls.open(name, O_RDWR | O_CREAT | O_EXCL)
                    calls.write(again, "new")
                    calls.write(file, "OLD", at: 0)
                    for _ in 0..<2 {
                        calls.cat(name)
                        calls.read(file, 20, at: 0)
                        calls.stat(file)
                        calls.stat(again)
                        calls.committed()
                    }
                    calls.close(file)
                    calls.close(again)
                    calls.cat(name)
                }
                calls.list()
            }
        }

        @Test("a file that another was renamed over is there for who has it open")
        func renameOverOpen() throws {
            try CallSides.compare { calls in
                for (from, to) in [("a", "b"), (".a", ".b"), ("a", ".c"), (".d", "e")] {
                    calls.inBothStates { state in
                        calls.put(to, "old \(state)")
                        calls.put(from, "new \(state)")
                        if state == "committed" { calls.committed() }
                        let old = calls.open(to, O_RDWR)
                        let new = calls.open(from, O_RDWR)
                        calls.rename(from, to)
                        calls.read(old, 20, at: 0)
                        calls.read(new, 20, at: 0)
                        calls.write(old, "OLD", at: 0)
                        calls.cat(to)
                        calls.stat(old)
                        calls.write(new, "NEW", at: 0)
                        calls.cat(to)
                        calls.read(old, 20, at: 0)
                        calls.truncate(old, to: 1)
                        calls.close(old)
                        calls.close(new)
                        calls.cat(to)
                    }
                    calls.committed()
                    calls.cat(to)
                }
            }
        }

        @Test("who has a file open writes to it wherever it and its directories move")
        func renameOpen() throws {
            try CallSides.compare { calls in
                calls.mkdir("d")
                calls.put("a", "0123456789")
                let file = calls.open("a", O_RDWR)
                calls.inBothStates { state in
                    calls.rename("a", "c")
                    calls.write(file, "1 \(state)", at: 0)
                    calls.cat("c")
                    calls.rename("c", "d/c")
                    calls.write(file, "2 \(state)", at: 0)
                    calls.cat("d/c")
                    calls.rename("d", "e")
                    calls.write(file, "3 \(state)", at: 0)
                    calls.cat("e/c")
                    calls.rename("e", "d")
                    calls.rename("d/c", ".c")
                    calls.write(file, "4 \(state)", at: 0)
                    calls.cat(".c")
                    calls.rename(".c", "a")
                    calls.cat("a")
                }
                calls.close(file)
            }
        }

        @Test("mkdir, rmdir and unlink answer alike")
        func making() throws {
            try CallSides.compare { calls in
                calls.mkdir("d")
                calls.put("f", "")
                calls.put("d/x", "1")
                calls.mkdir(".dd")
                calls.put(".dd/x", "")
                calls.inBothStates { _ in
                    for name in [
                        "d", "d/", "no/x", "f", "f/x", ".", "..", "", "d/x", ".dd", ".dd/x",
                    ] {
                        calls.mkdir(name)
                        calls.rmdir(name)
                        if !["d/x", ".dd/x", "f"].contains(name) { calls.unlink(name) }
                    }
                    for name in ["no", "d/.", "d/.."] { calls.rmdir(name) }
                    for name in ["f/", "no", "d/x/"] { calls.unlink(name) }
                    calls.list()
                }
                calls.mkdir("d/e")
                calls.unlink("d/x")
                for name in ["d", "d/e", "d/", ".dd"] { calls.rmdir(name) }
                calls.unlink(".dd/x")
                calls.rmdir(".dd")
                calls.mkdir("g")
                calls.mkdir("g/.git")
                for name in ["g", "g/.git", "g"] { calls.rmdir(name) }
                calls.stat("g")
                calls.list()
            }
        }

        @Test("a directory that was removed while open is empty, and nothing can be made in it")
        func removedWhileOpen() throws {
            try CallSides.compare { calls in
                for name in ["d", ".d"] {
                    calls.mkdir(name)
                    calls.put("m", "m")
                    let directory = calls.open(name, O_RDONLY)
                    calls.rmdir(name)
                    calls.stat(directory)
                    calls.note("links", Calls.status(of: directory)?.st_nlink ?? 99)
                    let made = unsafe openat(directory, "x", O_WRONLY | O_CREAT, 0o644)
                    calls.result("openat", min(made, 0))
                    calls.result("mkdirat", unsafe mkdirat(directory, "x", 0o755))
                    calls.result("symlinkat", unsafe symlinkat("a", directory, ".x"))
                    calls.result("renameat", unsafe renameat(AT_FDCWD, "m", directory, "x"))
                    calls.mkdir(name)
                    calls.stat(directory)
                    calls.close(directory)
                    calls.stat(name)
                }
            }
        }

        @Test("symbolic links of tools are followed, read and replaced")
        func symbolicLinks() throws {
            try CallSides.compare { calls in
                calls.put("f", "text")
                calls.symlink("f", ".l")
                calls.symlink("f", ".l")
                calls.symlink("f", "f")
                calls.symlink(".loop", ".loop")
                calls.symlink("new", ".dangling")
                calls.symlink("", ".empty")
                calls.symlink(String(repeating: "x", count: 4095), ".long")
                calls.symlink(String(repeating: "x", count: 4096), ".longer")
                calls.inBothStates { state in
                    for name in [".l", ".loop", ".dangling", ".long", ".", "f"] {
                        var bytes = [CChar](repeating: 0, count: 5000)
                        calls.result("readlink", unsafe readlink(name, &bytes, bytes.count))
                        calls.note("to", Calls.shown(bytes.prefix { $0 != 0 }.map(UInt8.init)))
                        calls.stat(name)
                    }
                    calls.cat(".l")
                    calls.close(calls.open(".l", O_RDONLY | calls_o_nofollow))
                    calls.close(calls.open(".loop", O_RDONLY))
                    calls.put(".dangling", "via \(state)")
                    calls.cat("new")
                    calls.chmod(".l", 0o600)
                    calls.stat("f")
                }
                calls.unlink(".l")
                calls.rename(".loop", ".dangling")
                calls.rename("f", ".dangling")
                calls.cat(".dangling")
                calls.cat("new")
            }
        }

        @Test("'.' and '..' of a listing, and its inodes, are those that stat shows")
        func dots() throws {
            try CallSides.compare { calls in
                calls.mkdir("d")
                calls.mkdir("d/e")
                calls.mkdir("d/.e")
                calls.put("d/f", "")
                calls.put("d/.f", "")
                calls.inBothStates { _ in
                    for name in ["d", "d/e", "d/.e"] {
                        let lines = (Calls.entries(of: name) ?? []).map { entry in
                            let child = String(decoding: entry.name, as: UTF8.self)
                            let inode = Calls.status(of: name + "/" + child).map {
                                UInt64($0.st_ino)
                            }
                            return "\(child) \(inode == entry.inode) \(entry.type)"
                        }
                        calls.note("entries of \(name)", lines.sorted())
                    }
                }
            }
        }
    }
}
