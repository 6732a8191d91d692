import CCalls
import Glibc
import Linux
import Testing

extension CallTests {
    @Suite("Content")
    struct Content {
        @Test("what O_APPEND writes goes to the end, whoever else writes")
        func append() throws {
            try CallSides.compare { calls in
                let one = calls.open("f", O_WRONLY | O_CREAT | O_APPEND)
                let two = calls.open("f", O_WRONLY | O_APPEND)
                calls.inBothStates { state in
                    calls.write(one, "one \(state) ")
                    calls.write(two, "two ")
                    calls.write(one, "three ")
                    calls.write(one, "at 0", at: 0)
                    calls.cat("f")
                    calls.truncate(one, to: 3)
                    calls.write(two, "X")
                    calls.cat("f")
                    let other = calls.open("f", O_RDWR)
                    calls.write(other, "far", at: 100)
                    calls.write(one, "end")
                    calls.cat("f")
                    calls.close(other)
                    calls.truncate("f", to: 0)
                    calls.write(one, "anew")
                }
                calls.cat("f")
            }
        }

        @Test("lines that several processes append are all there and whole")
        func appendFromProcesses() throws {
            let (processes, lines) = (4, 200)
            for (user, transcript) in try CallSides.onMounts({ calls in
                let script =
                    "i=0; while [ $i -lt \(lines) ]; do echo \"$0 $i\" >>log; i=$((i+1)); done"
                let children = try (0..<processes).map { number in
                    try Child.spawn(
                        Child.Command(
                            executable: "/bin/sh",
                            arguments: ["\(number)", "-c", script, "writer\(number)"],
                            directory: calls.directory
                        )
                    )
                }
                for child in children { calls.note("ending", "\(try child.wait())") }
                let text = try File.open(calls.directory + "/log").readAll(limit: 1 << 20)
                let found = text.split(separator: UInt8(ascii: "\n"))
                    .map { String(decoding: $0, as: UTF8.self) }
                let wanted = (0..<processes).flatMap { number in
                    (0..<lines).map { "writer\(number) \($0)" }
                }
                calls.note("all lines", found.sorted() == wanted.sorted())
            }) {
                #expect(
                    transcript == Array(repeating: "ending → exited(0)", count: processes)
                        + ["all lines → true"],
                    "as \(user)"
                )
            }
        }

        @Test("pread and pwrite make holes that read as zeros")
        func holes() throws {
            try CallSides.compare { calls in
                for name in ["f", ".f"] {
                    let file = calls.open(name, O_RDWR | O_CREAT)
                    calls.write(file, "end", at: 100_000)
                    calls.inBothStates { state in
                        for offset: Int64 in [0, 99_995, 100_003, 200_000, -1] {
                            calls.read(file, 10, at: offset)
                        }
                        calls.write(file, "mid \(state)", at: 50_000)
                        calls.write(file, "", at: 500_000)
                        calls.write(file, "x", at: -1)
                        calls.write(file, "x", at: 1 << 62)
                        calls.read(file, 100, at: 49_990)
                        calls.stat(file)
                    }
                    calls.close(file)
                    calls.cat(name)
                }
            }
        }

        @Test("ftruncate cuts and lengthens, with zeros where bytes were before")
        func truncate() throws {
            try CallSides.compare { calls in
                for name in ["f", ".f"] {
                    let file = calls.open(name, O_RDWR | O_CREAT)
                    calls.write(file, "0123456789")
                    calls.inBothStates { _ in
                        for size: Int64 in [4, 8, 20_000, 2, 6000, 0, 10, -1] {
                            calls.truncate(file, to: size)
                            calls.stat(file)
                            calls.read(file, 40, at: 0)
                            calls.read(file, 100, at: max(size - 10, 0))
                        }
                        calls.write(file, "again", at: 1)
                    }
                    calls.truncate(name, to: 3)
                    calls.committed()
                    calls.cat(name)
                    calls.unlink(name)
                    calls.truncate(file, to: 100)
                    calls.stat(file)
                    calls.write(file, "x", at: 50)
                    calls.read(file, 200, at: 0)
                    calls.close(file)
                    calls.put(name, "x")
                    calls.truncate(name, to: 1 << 62)
                    calls.stat(name)
                }
            }
        }

        @Test("SEEK_DATA and SEEK_HOLE find what was written, also in a copy made to change it")
        func seek() throws {
            try CallSides.compare { calls in
                for name in ["f", ".f"] {
                    let file = calls.open(name, O_RDWR | O_CREAT)
                    calls.seek(file, 0, calls_seek_data)
                    calls.seek(file, 0, calls_seek_hole)
                    calls.write(file, String(repeating: "a", count: 4096), at: 0)
                    calls.write(file, String(repeating: "b", count: 4096), at: 1 << 20)
                    calls.truncate(file, to: 2 << 20)
                    for round in 0..<3 {
                        for offset: Int64 in [
                            0, 1, 4096, 1 << 20, (1 << 20) + 4096, (2 << 20) - 1, 2 << 20, 3 << 20,
                            -1,
                        ] {
                            calls.seek(file, offset, calls_seek_data)
                            calls.seek(file, offset, calls_seek_hole)
                        }
                        calls.committed()
                        if round == 1 { calls.write(file, "changed", at: 10) }
                    }
                    calls.seek(file, 0, SEEK_END)
                    calls.seek(file, -1, SEEK_SET)
                    calls.seek(file, 5, SEEK_CUR)
                    calls.close(file)
                    calls.cat(name)
                }
            }
        }

        @Test("shared mappings show writes and are written, private ones are not")
        func mappings() throws {
            try CallSides.compare { calls in
                for name in ["f", ".f"] {
                    let file = calls.open(name, O_RDWR | O_CREAT)
                    calls.write(file, String(repeating: "a", count: 8192))
                    calls.inBothStates { state in
                        calls.mapping(file, 8192, MAP_SHARED) { map in
                            map.write("MAP \(state)", at: 0)
                            calls.read(file, 16, at: 0)
                            calls.write(file, "WRITE \(state)", at: 40)
                            calls.note("mapped", map.read(32, at: 30))
                            map.write("second page", at: 4096)
                            map.sync()
                        }
                        calls.cat(name)
                        calls.mapping(file, 8192, MAP_PRIVATE) { map in
                            map.write("PRIVATE", at: 0)
                            calls.note("mapped", map.read(16, at: 0))
                        }
                        calls.read(file, 16, at: 0)
                        calls.mapping(file, 8192, MAP_SHARED) { map in
                            calls.truncate(file, to: 4096)
                            calls.truncate(file, to: 8192)
                            calls.note("mapped", map.read(16, at: 4096))
                            map.write("grown", at: 4096)
                            map.sync()
                        }
                        calls.read(file, 16, at: 4090)
                    }
                    calls.unlink(name)
                    calls.mapping(file, 8192, MAP_SHARED) { map in
                        map.write("without a name", at: 0)
                        map.sync()
                    }
                    calls.read(file, 20, at: 0)
                    calls.close(file)
                }
                calls.put("g", String(repeating: "z", count: 100))
                let reading = calls.open("g", O_RDONLY)
                calls.mapping(reading, 100, MAP_SHARED) { _ in }
                calls.mapping(reading, 100, MAP_PRIVATE) { map in
                    calls.put("new", "new")
                    calls.rename("new", "g")
                    calls.note("mapped", map.read(5, at: 0))
                }
                calls.close(reading)
            }
        }

        @Test("copy_file_range copies between files, and answers what it cannot copy alike")
        func copyRange() throws {
            try CallSides.compare { calls in
                calls.put("from", String(repeating: "0123456789abcdef", count: 1600))
                calls.mkdir("d")
                calls.inBothStates { state in
                    let from = calls.open("from", O_RDONLY)
                    let to = calls.open("to-\(state)", O_RDWR | O_CREAT)
                    let directory = calls.open("d", O_RDONLY)
                    let appending = calls.open("to-\(state)", O_WRONLY | O_APPEND)
                    func copy(_ a: Int32, _ from: Int64, _ b: Int32, _ to: Int64, _ count: Int) {
                        calls.result("copy \(count)", calls_copy_range(a, from, b, to, count))
                    }
                    copy(from, 0, to, 0, 25_600)
                    copy(from, 100, to, 100, 30_000)
                    copy(from, 30_000, to, 0, 100)
                    copy(to, 0, from, 0, 100)
                    copy(to, 0, to, 50, 100)
                    copy(to, 0, to, 30_000, 100)
                    copy(directory, 0, to, 0, 100)
                    copy(from, 0, appending, 0, 100)
                    calls.cat("to-\(state)")
                    for file in [from, to, directory, appending] { calls.close(file) }
                }
            }
        }

        @Test("fsync and fdatasync of files and directories succeed")
        func sync() throws {
            try CallSides.compare { calls in
                calls.mkdir("d")
                let files = ["f", ".f"].map { calls.open($0, O_RDWR | O_CREAT) }
                calls.inBothStates { _ in
                    for file in files {
                        calls.sync(file)
                        calls.write(file, "x")
                        calls.sync(file)
                    }
                    for name in [".", "d"] {
                        let directory = calls.open(name, O_RDONLY)
                        calls.sync(directory)
                        calls.close(directory)
                    }
                }
                calls.unlink("f")
                calls.unlink(".f")
                for file in files {
                    calls.sync(file)
                    calls.close(file)
                }
            }
        }
    }
}

/// A mapped file.
@safe struct Mapping {
    private let bytes: UnsafeMutableRawBufferPointer

    init(_ bytes: UnsafeMutableRawBufferPointer) { unsafe self.bytes = unsafe bytes }

    func read(_ count: Int, at offset: Int) -> String {
        Calls.shown((offset..<offset + count).map { unsafe bytes[$0] })
    }

    func write(_ text: String, at offset: Int) {
        for (index, byte) in text.utf8.enumerated() { unsafe bytes[offset + index] = byte }
    }

    func sync() { unsafe msync(bytes.baseAddress, bytes.count, MS_SYNC) }
}

extension Calls {
    /// Runs `body` with a file mapped for reading and writing, where that can be done.
    func mapping(
        _ file: Int32,
        _ size: Int,
        _ flags: Int32,
        _ body: (Mapping) throws -> Void
    ) rethrows {
        let start = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, flags, file, 0)
        guard unsafe start != MAP_FAILED else { return result("mmap \(flags)", -1) }
        note("mmap \(flags)", "done")
        defer { unsafe munmap(start, size) }
        try body(unsafe Mapping(UnsafeMutableRawBufferPointer(start: start, count: size)))
    }
}
