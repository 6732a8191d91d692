import Catalog
import Linux
import Loci
import Model
import Mount
import SQL
import Synchronization
import Testing

/// A tenant in a directory of its own, with staging driven as the mount's requests drive it and a
/// clock that only tests move.
final class StagingBench {
    let path: String
    var tenant: Tenant
    var staging: Staging
    var reader: CatalogReader
    let clock: ManualClock
    let batches = Batches()
    var caller = Caller(origin: Origin(actor: "tester", uid: 1_000), gid: 1_000)
    private var openNodes: Set<NodeNumber> = []

    final class ManualClock: Sendable {
        private let moment = Mutex(Moment(1_000_000_000))
        var now: Moment { moment.withLock { $0 } }
        func pass(_ duration: Duration) { moment.withLock { $0 = $0 + duration } }
    }

    final class Batches: Sendable {
        private let all = Mutex<[CommittedBatch]>([])
        func add(_ batch: CommittedBatch) { all.withLock { $0.append(batch) } }
        var list: [CommittedBatch] { all.withLock { $0 } }
    }

    init(
        scheme: Scheme = .folders,
        probe: CommitProbe = CommitProbe(),
        environment: StoreEnvironment = StoreEnvironment(),
        isRealTime: Bool = false
    ) throws {
        let random = try Machine.random(count: 8).map { String($0, radix: 16) }.joined()
        path = "/tmp/loci-staging-\(random)"
        let store = try Store.create(
            at: path,
            scheme: scheme,
            origin: Origin(actor: "tester", uid: 0),
            environment: environment
        )
        tenant = try store.tenant(.main)
        reader = try tenant.catalog.makeReader()
        let clock = ManualClock()
        self.clock = clock
        staging = try Self.staging(tenant, clock, probe, batches, isRealTime)
    }

    private static func staging(
        _ tenant: Tenant,
        _ clock: ManualClock,
        _ probe: CommitProbe,
        _ batches: Batches,
        _ isRealTime: Bool
    ) throws -> Staging {
        var options = StagingOptions()
        if !isRealTime { options.now = { clock.now } }
        options.probe = probe
        return try Staging(tenant: tenant, options: options) { batches.add($0) }
    }

    deinit { Self.remove(path) }

    static func remove(_ path: String) {
        let arguments = ["rm", "-rf", path]
        _ = try? Child.spawn(
            Child.Command(executable: "/bin/rm", arguments: arguments)
        ).wait()
    }

    /// The process ends as `kill -9` ends it; another one opens the store and recovers.
    func crashAndRecover() throws -> RecoveryReport {
        abandon()
        // A program that another test starts at this moment has the lock, too, until it runs.
        for _ in 0..<500 {
            let report = try StagingRecovery.run(tenant)
            if report.sessions > 0 { return report }
            SystemClock.sleep(.milliseconds(2))
        }
        throw Errno.busy
    }

    /// Lets go of everything without a word, and opens the tenant again.
    func abandon() {
        reader.end()
        do {
            let other = try Store.open(at: path).tenant(.main)
            reader = try other.catalog.makeReader()
            staging = try Self.staging(other, clock, CommitProbe(), batches, false)
            tenant = other
        } catch {
            Issue.record(error)
        }
    }

    // MARK: As the requests do

    var view: Layout {
        get throws { try reader.layouts().listed }
    }

    static let root = Catalog.rootNode

    func name(_ text: String) -> Name { Name(unchecked: Array(text.utf8)) }

    @discardableResult
    func create(_ text: String, in directory: NodeNumber = root) throws -> NodeNumber {
        try staging.create(
            name(text),
            in: directory,
            view: view,
            permissions: 0o644,
            by: caller,
            reader
        ).node
    }

    func write(_ node: NodeNumber, _ text: String, at offset: Int64 = 0) throws {
        try unsafe Array(text.utf8).withUnsafeBytes {
            try unsafe staging.write(node, $0, at: offset, by: caller, reader)
        }
    }

    func truncate(_ node: NodeNumber, to size: Int64 = 0) throws {
        try staging.truncate(node, to: size, by: caller, reader)
    }

    /// What a process that opens the node reads.
    func read(_ node: NodeNumber) throws -> String {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let count = try unsafe buffer.withUnsafeMutableBytes {
            try unsafe staging.read(node, into: $0, at: 0)
        }
        if let count { return String(decoding: buffer[..<count], as: UTF8.self) }
        reader.end()
        let blob = try tenant.openBlob(shownBy: node, reader: reader)
        return String(decoding: try blob.readAll(limit: 1 << 24), as: UTF8.self)
    }

    /// What a process that opens the name gets.
    func lookup(_ text: String, in directory: NodeNumber = root) throws -> NodeNumber? {
        if let unborn = staging.lookup(name(text), in: directory) { return unborn.node }
        reader.end()
        return try reader.entry(
            in: directory,
            named: name(text),
            layouts: reader.layouts().resolvable
        )?.node
    }

    func read(_ text: String) throws -> String? { try lookup(text).map { try read($0) } }

    /// Creates, writes and closes, as `cp` does.
    @discardableResult
    func make(_ text: String, _ content: String) throws -> NodeNumber {
        let node = try create(text)
        try write(node, content)
        staging.closed(node)
        return node
    }

    /// A memory that was there before the test.
    func memory(_ text: String, _ content: String) throws -> MemoryRow {
        let node = try make(text, content)
        settle()
        return try #require(try row(of: node))
    }

    func row(of node: NodeNumber) throws -> MemoryRow? {
        reader.end()
        guard let memory = try reader.node(node)?.memory else { return nil }
        return try reader.memory(row: memory)
    }

    func row(at text: String) throws -> MemoryRow? {
        try lookup(text).flatMap { try row(of: $0) }
    }

    /// Where listings show a name.
    private func position(_ text: String) throws -> ListingPosition {
        let all = LayoutSet(rawValue: .max)
        let entry = try tenant.catalog.read {
            try $0.entry(in: Self.root, named: name(text), layouts: all)
        }
        return try #require(entry).position
    }

    /// A name that was given to a file in place of a memory: before anything else is done to it.
    private func commitReplacing(_ text: String) throws {
        guard let unborn = staging.lookup(name(text), in: Self.root), unborn.replaces != nil
        else { return }
        try staging.commitReplacing(unborn.node)
    }

    func unlink(_ text: String) throws {
        try commitReplacing(text)
        let node = try #require(try lookup(text))
        if staging.isUnborn(node) { return try staging.unlink(node) }
        let memory = try #require(try row(of: node))
        let position = try position(text)
        try tenant.catalog.write(.normal, origin: caller.origin) { _ = try $0.trash(memory) }
        staging.noteUnlinked(memory.row, name(text), in: Self.root, at: position, by: caller)
    }

    func rename(_ old: String, to new: String) throws {
        try commitReplacing(old)
        try commitReplacing(new)
        let node = try #require(try lookup(old))
        let target = try lookup(new)
        if staging.isUnborn(node) {
            if let target, !staging.isUnborn(target), let memory = try row(of: target) {
                guard staging.isStaged(target) else {
                    return try replace(memory, by: node, as: new)
                }
                return try staging.replace(memory.row, shownBy: target, by: node, caller)
            }
            return try staging.rename(
                node,
                to: name(new),
                in: Self.root,
                over: target.flatMap { staging.isUnborn($0) ? $0 : nil },
                view: view,
                by: caller,
                reader
            )
        }
        let memory = try #require(try row(of: node))
        let listed = try view.number
        _ = try tenant.catalog.write(.normal, origin: caller.origin) {
            try $0.change(memory, name: self.name(new), primary: listed, operation: .rename)
        }
        staging.noteRenamed(
            memory.row,
            from: name(old),
            in: Self.root,
            to: Self.root,
            by: caller
        )
    }

    private func replace(_ memory: MemoryRow, by node: NodeNumber, as new: String) throws {
        try staging.replace(
            memory,
            by: node,
            as: name(new),
            in: Self.root,
            at: position(new),
            view: view,
            caller,
            reader
        )
    }

    func renameToForeign(_ old: String, to new: String) throws {
        let node = try #require(try lookup(old))
        _ = try staging.becomeForeign(
            node,
            from: name(old),
            in: Self.root,
            to: name(new),
            in: Self.root,
            by: caller,
            reader
        )
    }

    /// Lets enough time pass for everything to be committed, and commits it.
    func settle() {
        for _ in 0..<4 {
            clock.pass(.milliseconds(700))
            staging.commitDue()
        }
    }

    // MARK: What must hold

    /// All memories outside the trash, by name.
    func names() throws -> [String] {
        reader.end()
        return try reader.memories(after: 0, limit: 10_000).map(\.name.description).sorted()
    }

    func trash() throws -> [String] {
        reader.end()
        return try reader.memories(after: 0, limit: 10_000, trashed: true)
            .map(\.name.description).sorted()
    }

    func revisions(_ memory: MemoryRow) throws -> [String] {
        reader.end()
        return try reader.revisions(of: memory.row).map { revision in
            let blob = try tenant.openBlob(
                of: memory.row,
                revision: revision.number,
                reader: reader
            )
            return String(decoding: try blob.readAll(limit: 1 << 24), as: UTF8.self)
        }
    }

    func operations(of memory: MemoryRow) throws -> [Operation] {
        reader.end()
        return try reader.changes(ofMemory: memory.row, limit: 100).reversed()
            .compactMap(\.operation)
    }

    func expectSound(_ location: SourceLocation = #_sourceLocation) async throws {
        let findings = try await tenant.check(contents: true)
        #expect(findings.isEmpty, "\(findings)", sourceLocation: location)
    }
}

/// What somebody else does in the middle of a commit, once and before the commit goes on.
final class MidCommit: Sendable {
    private let work = Mutex<(@Sendable () throws -> Void)?>(nil)
    private let step: CommitProbe.Step

    /// `step`: before which it is done; by then contents are placed, and their rows not written.
    init(before step: CommitProbe.Step = .commit) { self.step = step }

    var isDone: Bool { work.withLock { $0 == nil } }

    /// To be given to the staging that commits.
    var probe: CommitProbe {
        CommitProbe { [self] reached throws(LociError) in
            guard reached == step, let work = work.withLock({ $0.take() }) else { return }
            do { try work() } catch { Issue.record(error) }
        }
    }

    func does(_ body: @escaping @Sendable () throws -> Void) { work.withLock { $0 = body } }

    func writes<R>(
        to catalog: Catalog,
        _ body: @escaping @Sendable (CatalogTransaction) throws -> R
    ) {
        does { _ = try catalog.write(.normal, origin: Origin(actor: "other", uid: 0), body) }
    }
}
