import FUSE
import Glibc
import Synchronization
import Testing

/// Mounts a file system in a directory of its own, serves it on other threads while `body` runs,
/// and unmounts it whatever happens.
func withMount(
    _ fileSystem: any FileSystem,
    threads: Int = 2,
    spin: Duration = .microseconds(50),
    lowLatency: Bool = false,
    _ body: (Session, String) throws -> Void
) throws {
    let path = try temporaryDirectory()
    defer { unsafe rmdir(path) }
    let session = try Session(
        fileSystem,
        mountPoint: path,
        options: MountOptions(source: "test,source")
    )
    let runner = Runner { session.run(threads: threads, spin: spin, lowLatency: lowLatency) }
    defer {
        session.stop()
        runner.join()
        unsafe umount2(path, Int32(MNT_DETACH))
    }
    try body(session, path)
}

/// A thread that a test can join.
final class Runner: @unchecked Sendable {
    private var id = pthread_t()
    let isDone = Atomic<Bool>(false)
    private let work: @Sendable () -> Void

    init(_ work: @escaping @Sendable () -> Void) {
        self.work = work
        let argument = unsafe Unmanaged.passUnretained(self).toOpaque()
        let result = unsafe pthread_create(
            &id,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let runner = unsafe Unmanaged<Runner>.fromOpaque(argument).takeUnretainedValue()
                runner.work()
                runner.isDone.store(true, ordering: .releasing)
                return nil
            },
            argument
        )
        precondition(result == 0)
    }

    func join() { pthread_join(id, nil) }
}

func temporaryDirectory() throws -> String {
    var template = Array("/tmp/fuse-test-XXXXXX\0".utf8CString)
    let made = unsafe mkdtemp(&template)
    return unsafe String(cString: try #require(unsafe made))
}

/// What `open`, `read` until the end and `close` give; nil with errno when one fails.
func contents(_ path: String) -> String? {
    let file = unsafe open(path, O_RDONLY)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = unsafe read(file, &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
}

func put(_ path: String, _ text: String, flags: Int32 = O_WRONLY) -> Bool {
    let file = unsafe open(path, flags)
    guard file >= 0 else { return false }
    defer { close(file) }
    return unsafe write(file, text, text.utf8.count) == text.utf8.count
}

func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Waits until `condition` holds, at most `milliseconds`.
func eventually(within milliseconds: Int = 2000, _ condition: () -> Bool) -> Bool {
    for _ in 0..<milliseconds {
        if condition() { return true }
        usleep(1000)
    }
    return condition()
}
