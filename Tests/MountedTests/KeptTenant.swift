import Catalog
import Glibc
import Linux
import Synchronization
import Testing

@testable import FUSE
@testable import Loci
@testable import Mount

/// A tenant on a mount that the test holds, as a keeper does: daemons serve it one after the other,
/// and between them the test receives the kernel's requests itself, as a daemon does that ends before
/// it answers.
final class KeptTenant {
    let directory: String
    let path: String
    private let held: Held
    private var lock: SharedFile?
    private var session: String?
    private var serving: (daemon: MountDaemon, thread: Linux.Thread)?
    /// The last daemon that served, or serves.
    private(set) var daemon: MountDaemon

    /// The mount, once the first daemon asks for it.
    private final class Held: Sendable {
        private let mount = Mutex<HeldMount?>(nil)

        /// Mounts, where that was not done.
        func onto(_ path: String) throws -> HeldMount {
            try mount.withLock { mount in
                if let mount { return mount }
                let made = try HeldMount(
                    mountPoint: path,
                    options: FUSE.MountOptions(source: "kept")
                )
                mount = made
                return made
            }
        }

        var device: Int32 { mount.withLock { $0?.device ?? -1 } }

        func end() {
            mount.withLock { mount in
                mount?.abort()
                mount?.unmount()
            }
        }
    }

    private static let lookup: UInt32 = 1

    struct Received: Equatable {
        let operation: UInt32
        let number: UInt64
    }

    init(_ scheme: String = "{folder...}") throws {
        var template = Array("/tmp/loci-kept-XXXXXX".utf8CString)
        try #require(unsafe mkdtemp(&template) != nil)
        directory = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
        path = directory + "/mnt"
        unsafe mkdir(path, 0o755)
        _ = try Store.create(
            at: directory + "/store",
            scheme: try Scheme(scheme),
            origin: MountedTenant.origin
        )
        held = Held()
        daemon = try Self.daemon(directory, path, held, session: nil, lock: nil)
        session = daemon.tenant.session
        try run()
    }

    deinit {
        if let serving {
            serving.daemon.stop()
            serving.thread.join()
        }
        held.end()
        try? StoreFiles.removeTree(directory)
    }

    private static func daemon(
        _ directory: String,
        _ path: String,
        _ held: Held,
        session: String?,
        lock: SharedFile?
    ) throws -> MountDaemon {
        var succession = Succession()
        succession.isTakeover = session != nil
        let tenant = try Store.open(at: directory + "/store").tenant(.main, session: session)
        return try MountDaemon(
            tenant: tenant,
            place: .kept(
                KeptMount(mountPoint: path, succession: succession) { path in
                    Result {
                        let mount = try held.onto(path)
                        let device = SharedFile(try File(owning: dup(mount.device)).duplicate())
                        return .init(device: device, beginning: mount.beginning, lock: lock)
                    }.mapError { LociError(.inputOutput, subject: path, message: "\($0)") }
                }
            ),
            options: Mount.MountOptions(),
            worker: nil,
            panel: nil
        )
    }

    private func run() throws {
        let ready = try WakeEvent()
        let daemon = daemon
        let thread = try Linux.Thread.spawn(name: "daemon") {
            do {
                try daemon.run(ready: { ready.signal() })
            } catch {
                print("daemon: \(error)")
            }
        }
        serving = (daemon, thread)
        try #require(try ready.wait(timeout: .seconds(30)))
        if lock == nil {
            lock = SharedFile(try File(owning: dup(daemon.lockDescriptor)).duplicate())
        }
    }

    /// The daemon leaves; the kernel's requests wait.
    func letGo() {
        serving?.daemon.letGo()
        serving?.thread.join()
        serving = nil
    }

    /// Another daemon takes over.
    func takeOver() throws {
        daemon = try Self.daemon(directory, path, held, session: session, lock: lock)
        try run()
    }

    /// Receives requests of the kernel until one is of such an operation; that one is nobody's to
    /// answer until a daemon takes over.
    ///
    /// Others than this test may look at the mount.
    func receive(_ operations: UInt32...) throws -> Received {
        while true {
            let received = try receiveAny()
            if operations.contains(received.operation) { return received }
            // Before it makes a name, the kernel asks whether it is there.
            if received.operation == Self.lookup { try refuse(received) }
        }
    }

    /// Answers that there is no such thing.
    private func refuse(_ received: Received) throws {
        // Length, error and number, as `struct fuse_out_header` has them.
        let header = [16 | UInt64(UInt32(bitPattern: -ENOENT)) << 32, received.number]
        let count = unsafe Glibc.write(held.device, header, 16)
        try #require(count == 16)
    }

    private func receiveAny() throws -> Received {
        var bytes = [UInt8](repeating: 0, count: RequestThread.receiveCapacity)
        try #require(try Poll.isReadable(held.device, timeout: .seconds(30)))
        let count = unsafe Glibc.read(held.device, &bytes, bytes.count)
        try #require(count >= 40)
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe Received(
                operation: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self),
                number: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            )
        }
    }

    /// A system call on a thread of its own, and what came of it.
    final class Call: Sendable {
        private let outcome = Mutex<Int32?>(nil)
        private let thread = Mutex<Linux.Thread?>(nil)

        init(_ body: @escaping @Sendable () -> Int32) throws {
            let started = try Linux.Thread.spawn(name: "caller") {
                let result = body() == 0 ? 0 : errno
                self.outcome.withLock { $0 = result }
            }
            thread.withLock { $0 = started }
        }

        /// 0, or the errno; waits for it.
        var result: Int32? {
            thread.withLock { $0 }?.join()
            return outcome.withLock { $0 }
        }
    }

    func full(_ name: String) -> String { path + "/" + name }

    func exists(_ name: String) -> Bool { unsafe access(full(name), F_OK) == 0 }

    func inode(_ name: String) throws -> UInt64 {
        var status = stat()
        try #require(unsafe lstat(full(name), &status) == 0)
        return UInt64(status.st_ino)
    }

    func write(_ name: String, _ text: String) throws {
        let file = try File.open(full(name), [.writeOnly, .create])
        try file.write(Array(text.utf8), at: 0)
    }

    func read(_ name: String) throws -> String {
        String(decoding: try File.open(full(name)).readAll(limit: 1 << 20), as: UTF8.self)
    }
}
