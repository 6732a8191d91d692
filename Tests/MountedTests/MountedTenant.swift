import Catalog
import Glibc
import Linux
import SQL
import Synchronization
import TestSupport

@testable import Loci
@testable import Mount

/// A tenant mounted on a directory of its own under /tmp, served by threads of this process.
///
/// `outside` has the store open a second time, as a command in another process has.
final class MountedTenant: Sendable {
    let directory: String
    /// The mount point.
    let path: String
    let outside: Tenant
    private let state: Mutex<State>
    private let isFirst: Bool

    private struct State {
        var daemon: MountDaemon?
        var thread: Thread?
    }

    static let origin = Origin(actor: "tester", uid: 0, reason: "a test")

    init(_ scheme: String = "user={user}/topic={topic}", _ options: String = "") throws {
        var template = Array("/tmp/loci-mounted-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Failed(code: errno) }
        directory = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
        path = directory + "/mnt"
        unsafe mkdir(path, 0o755)
        _ = try Store.create(
            at: directory + "/store",
            scheme: try Scheme(scheme),
            origin: Self.origin
        )
        outside = try Store.open(at: directory + "/store").tenant(.main)
        state = Mutex(State())
        isFirst = true
        try mount(options)
    }

    /// A second mount of the same tenant; it ends before the first.
    init(beside first: MountedTenant, _ options: String = "") throws {
        directory = first.directory
        path = first.directory + "/second"
        unsafe mkdir(path, 0o755)
        outside = first.outside
        state = Mutex(State())
        isFirst = false
        try mount(options)
    }

    // swift-format-ignore: NeverForceUnwrap
    var daemon: MountDaemon {
        state.withLock { $0.daemon! }
    }

    func mount(_ options: String = "") throws {
        let tenant = try Store.open(at: directory + "/store").tenant(.main)
        let daemon = try MountDaemon(
            tenant: tenant,
            mountPoint: path,
            source: directory + "/store",
            options: try MountOptions(parsing: [options])
        )
        let ready = try WakeEvent()
        let thread = try Thread.spawn(name: "daemon") {
            do {
                try daemon.run(ready: { ready.signal() })
            } catch {
                print("daemon: \(error)")
            }
        }
        state.withLock { $0 = State(daemon: daemon, thread: thread) }
        _ = try ready.wait(timeout: .seconds(10))
    }

    func unmount() {
        let before = state.withLock { state in
            defer { state = State() }
            return state
        }
        before.daemon?.stop()
        before.thread?.join()
    }

    deinit {
        unmount()
        if isFirst { try? StoreFiles.removeTree(directory) }
    }

    /// An errno, as a test compares it.
    struct Failed: Error, Equatable, CustomStringConvertible {
        let code: Int32
        var description: String { Errno(rawValue: code).name }
    }

    func full(_ name: String) -> String { name.isEmpty ? path : path + "/" + name }

    // MARK: System calls

    func read(_ name: String) throws -> String {
        let file = unsafe open(full(name), O_RDONLY)
        guard file >= 0 else { throw Failed(code: errno) }
        defer { close(file) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe Glibc.read(file, &chunk, chunk.count)
            guard count >= 0 else { throw Failed(code: errno) }
            if count == 0 { return String(decoding: text, as: UTF8.self) }
            text += chunk[..<count]
        }
    }

    func write(_ name: String, _ text: String, flags: Int32 = O_CREAT | O_TRUNC) throws {
        let file = unsafe open(full(name), O_WRONLY | flags, 0o644)
        guard file >= 0 else { throw Failed(code: errno) }
        defer { close(file) }
        let bytes = Array(text.utf8)
        guard unsafe Glibc.write(file, bytes, bytes.count) == bytes.count else {
            throw Failed(code: errno)
        }
    }

    func status(_ name: String) throws -> stat {
        var status = stat()
        guard unsafe lstat(full(name), &status) == 0 else { throw Failed(code: errno) }
        return status
    }

    func setTime(_ name: String, seconds: Int) throws {
        let time = timespec(tv_sec: seconds, tv_nsec: 0)
        guard unsafe utimensat(AT_FDCWD, full(name), [time, time], 0) == 0 else {
            throw Failed(code: errno)
        }
    }

    func exists(_ name: String) -> Bool { (try? status(name)) != nil }

    func inode(_ name: String) throws -> UInt64 { UInt64(try status(name).st_ino) }

    func makeDirectory(_ name: String) throws {
        guard unsafe mkdir(full(name), 0o755) == 0 else { throw Failed(code: errno) }
    }

    /// As editors do: a new file is renamed over the old one.
    func save(_ name: String, _ text: String) throws {
        try write(name + ".part", text)
        try rename(name + ".part", name)
    }

    func rename(
        _ old: String,
        _ new: String,
        _ manner: File.RenameManner = .replacing
    ) throws {
        do throws(Errno) {
            try File.workingDirectory.rename(
                full(old),
                to: File.workingDirectory,
                full(new),
                manner
            )
        } catch {
            throw Failed(code: error.rawValue)
        }
    }

    func remove(_ name: String) throws {
        guard unsafe unlink(full(name)) == 0 else { throw Failed(code: errno) }
    }

    func removeDirectory(_ name: String) throws {
        guard unsafe rmdir(full(name)) == 0 else { throw Failed(code: errno) }
    }

    func list(_ name: String = "") throws -> [String] {
        guard let stream = unsafe opendir(full(name)) else { throw Failed(code: errno) }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe Glibc.readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// All plain files below a directory, by path.
    func walk(_ name: String = "") throws -> [String] {
        var found: [String] = []
        for entry in try list(name) {
            let path = name.isEmpty ? entry : name + "/" + entry
            switch try status(path).st_mode & S_IFMT {
            case S_IFDIR: found += try walk(path)
            case S_IFREG: found.append(path)
            default: break
            }
        }
        return found.sorted()
    }

    // MARK: The catalog beside it

    @discardableResult
    func add(_ path: String, _ text: String) async throws -> Memory {
        let memory = try await outside.append(
            Array(text.utf8),
            at: try NamePath(path),
            origin: Self.origin
        )
        if let daemon = state.withLock(\.daemon) {
            let newest = try outside.catalog.read { try $0.lastChange() }
            // On a busy machine that takes longer than what a test does next.
            _ = eventually(within: .seconds(20)) { daemon.follower.followedThrough >= newest }
        }
        return memory
    }

    /// Waits until a condition holds; how long the daemon took, or nil after a second.
    ///
    /// What the machine kept this process waiting for a processor is not the daemon's time.
    func eventually(
        within limit: Duration = .seconds(1),
        _ holds: () throws -> Bool
    ) rethrows -> Duration? {
        let stalled = Stalls.total(of: [.current])
        let start = ContinuousClock.now
        while ContinuousClock.now - start < limit {
            if try holds() {
                let took = ContinuousClock.now - start
                return max(.zero, took - (Stalls.total(of: [.current]) - stalled))
            }
            usleep(500)
        }
        return nil
    }

    /// Adds a live layout by the catalog alone, as a migration's steps do.
    func addLayout(_ scheme: String, apart: Bool = false) throws -> LayoutNumber {
        let scheme = try Scheme(scheme)
        return try outside.catalog.write(origin: Self.origin) { tx in
            let layout = try Self.build(scheme, apart: apart, tx)
            try tx.makeLive(layout)
            return layout.number
        }
    }

    /// Begins a layout, and gives all memories their names in it.
    static func build(
        _ scheme: Scheme,
        apart: Bool = false,
        _ tx: CatalogTransaction
    ) throws -> Layout {
        let layout = try tx.beginLayout(scheme, apart: apart)
        let since = tx.newestChange
        for memory in try tx.reader.memories(after: 0, limit: 1_000_000) {
            try tx.place(
                memory,
                try tx.reader.fields(of: memory),
                in: layout,
                isPrimary: false,
                since: since
            )
        }
        return layout
    }

    func list(layout number: LayoutNumber, nodelete: Bool = false) throws {
        try outside.catalog.write(origin: Self.origin) { tx in
            guard let layout = try tx.reader.layouts()[number] else { return }
            try tx.list(layout, operation: .layoutListed, oldRefusesDeletes: nodelete)
        }
    }

    func retire(layout number: LayoutNumber) throws {
        try outside.catalog.write(origin: Self.origin) { tx in
            guard let layout = try tx.reader.layouts()[number] else { return }
            try tx.end(layout, operation: .layoutRetired)
        }
        try outside.catalog.write(origin: Self.origin) { tx in
            guard let layout = try tx.reader.layouts()[number] else { return }
            try tx.clear(
                try tx.reader.endedEntries(of: layout, after: nil, limit: 1_000_000),
                of: layout
            )
            try tx.finishClearing(layout)
        }
    }
}
