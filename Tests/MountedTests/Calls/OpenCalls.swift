import CCalls
import Glibc
import Testing

extension CallTests {
    @Suite("Opening")
    struct Opening {
        @Test("open answers each name and each set of flags alike")
        func flags() throws {
            try CallSides.compare { calls in
                calls.mkdir("d")
                let sets = [
                    O_RDONLY, O_WRONLY, O_RDONLY | calls_o_directory, O_WRONLY | O_CREAT,
                    O_RDWR | O_CREAT | O_EXCL, O_WRONLY | O_TRUNC, O_RDONLY | O_TRUNC,
                    O_RDONLY | calls_o_nofollow, O_RDONLY | O_CREAT | calls_o_directory,
                    calls_o_path, O_WRONLY | O_CREAT | O_TRUNC | O_EXCL, O_RDONLY | O_APPEND,
                    O_WRONLY | O_SYNC, O_RDONLY | calls_o_direct, O_RDONLY | calls_o_noatime,
                ]
                for name in ["f", "d", "no", "f/x", "d/", "no/", "f/", "d/no/x", "", "d/."] {
                    for flags in sets {
                        calls.put("f", "hello")
                        calls.close(calls.open(name, flags))
                        calls.stat("f")
                        calls.cat("no")
                        _ = unsafe Glibc.unlink("no")
                    }
                }
            }
        }

        @Test("a descriptor allows what it was opened for")
        func access() throws {
            try CallSides.compare { calls in
                calls.put("f", "hello")
                calls.mkdir("d")
                calls.inBothStates { _ in
                    let reading = calls.open("f", O_RDONLY)
                    calls.write(reading, "x")
                    calls.truncate(reading, to: 1)
                    let writing = calls.open("f", O_WRONLY)
                    calls.read(writing, 1, at: 0)
                    let directory = calls.open("d", O_RDONLY)
                    calls.read(directory, 1, at: 0)
                    calls.truncate(directory, to: 0)
                    for file in [reading, writing, directory] { calls.close(file) }
                    calls.truncate("d", to: 0)
                    calls.truncate("no", to: 0)
                    calls.truncate("f/x", to: 0)
                    calls.truncate("f", to: -1)
                }
            }
        }

        @Test("O_TRUNC empties a file, staged or committed, for everybody who has it open")
        func truncating() throws {
            try CallSides.compare { calls in
                calls.put("f", String(repeating: "0123456789", count: 10))
                calls.inBothStates { _ in
                    calls.cat("f")
                    let first = calls.open("f", O_WRONLY | O_TRUNC)
                    calls.stat("f")
                    calls.cat("f")
                    calls.write(first, "ab")
                    calls.cat("f")
                    let second = calls.open("f", O_RDWR | O_TRUNC)
                    calls.stat(first)
                    calls.write(first, "cd")
                    calls.cat("f")
                    calls.close(first)
                    calls.close(second)
                    // Also for who only reads.
                    calls.close(calls.open("f", O_RDONLY | O_TRUNC))
                    calls.cat("f")
                    for length in 1...5 {
                        calls.put("f", String(repeating: "x", count: 100 - length))
                        calls.cat("f")
                    }
                }
                calls.committed()
                calls.cat("f")
            }
        }

        @Test("O_TRUNC drops what was read of a file before")
        func truncatingPages() throws {
            try CallSides.compare { calls in
                let file = calls.open("f", O_RDWR | O_CREAT)
                calls.write(file, String(repeating: "a", count: 10_000), at: 0)
                calls.inBothStates { _ in
                    calls.read(file, 10_000, at: 0)
                    let other = calls.open("f", O_WRONLY | O_TRUNC)
                    calls.read(file, 10_000, at: 0)
                    calls.write(other, "z")
                    calls.read(file, 10_000, at: 0)
                    calls.close(other)
                }
                calls.close(file)
            }
        }

        @Test("O_EXCL makes a file once")
        func exclusive() throws {
            try CallSides.compare { calls in
                let made = O_WRONLY | O_CREAT | O_EXCL
                calls.mkdir("d")
                calls.close(calls.open("f", made))
                calls.inBothStates { _ in
                    for name in ["f", "d", "d/f", ".f"] { calls.close(calls.open(name, made)) }
                }
                calls.close(calls.open("d", O_WRONLY | O_CREAT))
                calls.unlink("f")
                calls.close(calls.open("f", made))
                calls.stat("f")
            }
        }

        @Test("a new file has the mode that the umask leaves of the one asked for")
        func umasks() throws {
            try CallSides.compare { calls in
                for mask: mode_t in [0, 0o022, 0o077, 0o777] {
                    umask(mask)
                    for mode: mode_t in [0o666, 0o600, 0o777, 0o4755, 0o2755, 0o1644, 0, 0o444] {
                        for prefix in ["", "."] {
                            let name = "\(prefix)\(mask)-\(mode)"
                            calls.close(calls.open(name, O_WRONLY | O_CREAT | O_EXCL, mode: mode))
                            calls.stat(name)
                        }
                    }
                    calls.mkdir(".d\(mask)", mode: 0o777)
                    calls.stat(".d\(mask)")
                }
                umask(0o022)
                calls.committed()
                calls.stat("18-438")
                calls.list()
            }
        }

        @Test("names of any bytes, up to 255 of them")
        func names() throws {
            try CallSides.compare { calls in
                var names = [
                    String(repeating: "x", count: 255), String(repeating: "y", count: 256),
                    String(repeating: "ä", count: 127), "a b", "a\nb", "-", "~", "a~", "#a#", "*",
                    "?", "\"", "'", "\\", "a%2Fb", "_", "CON", "a.", "..a", "...", " ", "\t",
                    "\u{1}", "\u{7f}", "\u{e9}", "e\u{301}", "4913", "x.swp",
                    "." + String(repeating: "z", count: 254),
                ]
                for name in names { calls.put(name, name) }
                calls.inBothStates { _ in
                    for name in names { calls.cat(name) }
                    calls.list()
                }
                names = [
                    String(repeating: "D", count: 255), String(repeating: "E", count: 256), "dir ä",
                    "." + String(repeating: "F", count: 254),
                ]
                for name in names {
                    calls.mkdir(name)
                    calls.put(name + "/f", "1")
                    calls.rename(name, "G" + name)
                }
                calls.list()
            }
        }

        @Test("names of files need not be UTF-8")
        func bytes() throws {
            try CallSides.compare { calls in
                let names: [[UInt8]] = [
                    [0xFF, 0xFE], [0x61, 0x80], [0xC3, 0x28], [0xED, 0xA0, 0x80],
                ]
                for name in names {
                    let path = name.map { CChar(bitPattern: $0) } + [0]
                    let file = unsafe open(path, O_WRONLY | O_CREAT, 0o644)
                    calls.result("open \(name)", min(file, 0))
                    calls.write(file, "\(name)")
                    calls.close(file)
                }
                calls.inBothStates { _ in
                    let found = (Calls.entries(of: ".") ?? []).map(\.name)
                    calls.note("names", found.sorted { $0.lexicographicallyPrecedes($1) })
                    for name in names {
                        let path = name.map { CChar(bitPattern: $0) } + [0]
                        var status = Glibc.stat()
                        calls.result("stat \(name)", unsafe lstat(path, &status))
                        calls.note("size", status.st_size)
                    }
                }
            }
        }
    }
}
