import FUSE
import Glibc
import Synchronization

/// A small file system in memory that counts what the kernel asks.
///
/// Its root holds `files`; a directory `many` holds `manyCount` empty files.
final class MemoryFileSystem: FileSystem {
    struct File {
        var node: NodeID
        var bytes: [UInt8]
        var isDirectory = false
    }

    struct State {
        var files: [String: File] = [:]
        var counts: [String: Int] = [:]
        var idle = 0
        var destroyed = false
    }

    static let many = NodeID(2)
    static let firstOfMany: UInt64 = 1000
    let state = Mutex(State())
    let manyCount: Int
    /// Lets a lookup of "slow" go on.
    let release = Atomic<Bool>(false)

    init(_ files: [String: String] = [:], manyCount: Int = 0) {
        self.manyCount = manyCount
        state.withLock { state in
            for (index, file) in files.sorted(by: { $0.key < $1.key }).enumerated() {
                state.files[file.key] = File(
                    node: NodeID(UInt64(index) + 10),
                    bytes: Array(file.value.utf8)
                )
            }
            state.files["many"] = File(node: Self.many, bytes: [], isDirectory: true)
            state.files["inner"] = File(node: NodeID(3), bytes: [], isDirectory: true)
        }
    }

    func count(_ name: String) -> Int { state.withLock { $0.counts[name] ?? 0 } }
    func set(_ name: String, _ text: String) {
        state.withLock { $0.files[name]?.bytes = Array(text.utf8) }
    }

    private func tally(_ name: String) { state.withLock { $0.counts[name, default: 0] += 1 } }

    private func attributes(_ node: NodeID) -> Attributes? {
        if node == .root {
            return Attributes(
                node: node,
                mode: S_IFDIR | 0o755,
                uid: 0,
                gid: 0,
                size: 0,
                modified: 0
            )
        }
        if node.rawValue >= Self.firstOfMany {
            return Attributes(
                node: node,
                mode: S_IFREG | 0o644,
                uid: 0,
                gid: 0,
                size: 0,
                modified: 1_500_000_000
            )
        }
        guard let file = state.withLock({ $0.files.values.first { $0.node == node } }) else {
            return nil
        }
        return Attributes(
            node: node,
            mode: file.isDirectory ? S_IFDIR | 0o755 : S_IFREG | 0o644,
            uid: 0,
            gid: 0,
            size: Int64(file.bytes.count),
            modified: 1_500_000_000
        )
    }

    func lookup(_ request: consuming Request, parent: NodeID, name: RawSpan) {
        tally("lookup")
        let name = text(name)
        if name == "slow" {
            request.mayWait()
            tally("slow")
            _ = eventually { release.load(ordering: .acquiring) }
        }
        var node = state.withLock { $0.files[name]?.node }
        if parent == Self.many, let number = UInt64(name.dropFirst(5)) {
            node = NodeID(Self.firstOfMany + number)
        } else if parent != .root {
            node = nil
        }
        guard let node, let found = attributes(node) else {
            return request.replyAbsent(for: .forever)
        }
        request.reply(Entry(found))
    }

    func getattr(_ request: consuming Request, node: NodeID) {
        tally("getattr")
        guard let found = attributes(node) else { return request.fail(ENOENT) }
        // The benchmark file is asked for each time.
        let always = state.withLock { $0.files["uncached"]?.node == node }
        request.reply(found, timeout: always ? .none : .forever)
    }

    func setattr(_ request: consuming Request, node: NodeID, changes: SetAttributes) {
        tally("setattr")
        if let size = changes.size {
            tally("setattr size \(size)")
            change(node) { $0 = Array($0.prefix(Int(size))) }
        }
        guard let found = attributes(node) else { return request.fail(ENOENT) }
        request.reply(found)
    }

    func read(_ request: consuming Request, node: NodeID, size: Int, offset: Int64) {
        tally("read")
        let bytes = state.withLock { $0.files.values.first { $0.node == node }?.bytes ?? [] }
        unsafe request.reply(Array(bytes.dropFirst(Int(offset)).prefix(size)).span.bytes)
    }

    func write(_ request: consuming Request, node: NodeID, bytes: RawSpan, offset: Int64) {
        tally("write")
        let new = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        change(node) { old in
            old += [UInt8](repeating: 0, count: max(0, Int(offset) + new.count - old.count))
            old.replaceSubrange(Int(offset)..<Int(offset) + new.count, with: new)
        }
        request.reply(written: new.count)
    }

    func unlink(_ request: consuming Request, parent: NodeID, name: RawSpan) {
        // Lost on purpose: the request's end must answer it.
        tally("unlink")
    }

    func readdir(
        _ request: consuming Request,
        node: NodeID,
        cookie: UInt64,
        into listing: inout DirectoryBuffer
    ) {
        tally(listing.withEntries ? "readdirplus" : "readdir")
        guard node == Self.many else { return request.reply(listing) }
        for number in Int(cookie)..<max(manyCount, Int(cookie)) {
            guard let found = attributes(NodeID(Self.firstOfMany + UInt64(number))) else { break }
            let name = Array("file-\(number)".utf8)
            guard
                unsafe listing.add(
                    name: name.span.bytes,
                    entry: Entry(found),
                    cookie: UInt64(number) + 1
                )
            else { break }
        }
        request.reply(listing)
    }

    func statfs(_ request: consuming Request, node: NodeID) {
        request.reply(
            VolumeStatistics(
                blocks: 100,
                freeBlocks: 50,
                availableBlocks: 40,
                files: 7,
                freeFiles: 5
            )
        )
    }

    func threadIsIdle(_ index: Int) { state.withLock { $0.idle += 1 } }
    func destroy() { state.withLock { $0.destroyed = true } }

    private func change(_ node: NodeID, _ body: (inout [UInt8]) -> Void) {
        state.withLock { state in
            guard let name = state.files.first(where: { $0.value.node == node })?.key else {
                return
            }
            body(&state.files[name, default: File(node: node, bytes: [])].bytes)
        }
    }
}

func text(_ bytes: RawSpan) -> String {
    unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
}
