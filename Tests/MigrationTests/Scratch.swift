import Blobs
import Glibc
import Linux
import Loci
import Migration
import Synchronization
import TestSupport
import Testing

/// A clock that tests move.
final class ManualClock: Sendable {
    private let now: Mutex<Int64>

    init(_ start: Int64 = 1_750_000_000_000_000_000) { now = Mutex(start) }

    /// A microsecond passes with each look, so that ids and times differ.
    var time: Timestamp {
        now.withLock { now in
            now += 1000
            return Timestamp(nanoseconds: now)
        }
    }

    func set(_ time: Timestamp) { now.withLock { $0 = time.nanoseconds } }

    func advance(_ duration: Duration) {
        now.withLock { $0 += duration.wholeNanoseconds }
    }
}

/// A store in a directory of its own, removed at the end.
final class Scratch: Sendable {
    let path: String
    let clock = ManualClock()
    static let origin = Origin(actor: "tester", uid: 0)

    init() throws {
        var template = Array("/tmp/loci-migration-XXXXXX".utf8CString)
        guard let made = unsafe mkdtemp(&template) else { throw Failure.directory }
        path = unsafe String(cString: made)
    }

    enum Failure: Error {
        case directory
    }

    deinit { TestSupport.Scratch.remove(path) }

    /// Another store like this one at this moment.
    func copied() throws -> Scratch {
        let copy = try Scratch()
        let command = Child.Command(
            executable: "/bin/cp",
            arguments: ["cp", "-a", path + "/.", copy.path]
        )
        #expect(try Child.spawn(command).wait() == .exited(0))
        copy.clock.set(clock.time)
        return copy
    }

    private func environment(
        _ wrap: @escaping @Sendable (DirectoryBlobStore) -> any BlobStore = { $0 }
    ) -> StoreEnvironment {
        let clock = clock
        return StoreEnvironment(clock: { clock.time }, wrapBlobs: wrap)
    }

    /// The tenant, as another process would open it, with faults in its durable steps.
    func reopen(_ faults: Faults) throws -> Tenant {
        var environment = environment { faults.around($0) }
        environment.wrapSQL = { faults.around($0) }
        return try Store.open(at: path, environment: environment).tenant(.main)
    }

    func create(_ scheme: String) throws -> Tenant {
        let store = try Store.create(
            at: path,
            scheme: try Scheme(scheme),
            origin: Self.origin,
            environment: environment()
        )
        return try store.tenant(.main)
    }

    /// What another process would open.
    func reopen(
        _ wrap: @escaping @Sendable (DirectoryBlobStore) -> any BlobStore = { $0 }
    ) throws -> Tenant {
        try Store.open(at: path, environment: environment(wrap)).tenant(.main)
    }
}

extension Tenant {
    @discardableResult
    func add(_ path: String, _ text: String? = nil) async throws -> Memory {
        try await append(
            Array((text ?? path).utf8),
            at: try NamePath(path),
            origin: Scratch.origin
        )
    }

    func text(_ path: String) async throws -> String {
        let memory = try memory(at: try NamePath(path))
        return String(decoding: try await content(of: memory.id), as: UTF8.self)
    }

    /// Whether a path opens.
    func has(_ path: String) throws -> Bool {
        let path = try NamePath(path)
        do throws(LociError) {
            _ = try memory(at: path)
            return true
        } catch  where error.code == .notFound {
            return false
        }
    }

    /// What a walk of the listed layout meets.
    func listedPaths() throws -> [String] {
        var paths: [String] = []
        var cursor: ListCursor?
        repeat {
            let page = try list(after: cursor, limit: 100)
            paths += page.memories.compactMap { $0.path?.description }
            cursor = page.next
        } while cursor != nil
        return paths.sorted()
    }

    /// Everything that must hold, contents included.
    func expectClean(_ location: SourceLocation = #_sourceLocation) async throws {
        let findings = try await check(contents: true)
        #expect(findings.isEmpty, "\(findings)", sourceLocation: location)
    }
}

/// A migrator and a worker whose times pass at once, and that a test may stop at a step.
struct Rig {
    let scratch: Scratch
    let tenant: Tenant
    let migrator: Migrator
    var tuning: MigrationTuning

    init(
        _ scratch: Scratch,
        _ tenant: Tenant,
        stoppingAt step: MigrationStep? = nil,
        after: Int = 0
    ) {
        self.scratch = scratch
        self.tenant = tenant
        var tuning = MigrationTuning()
        tuning.graceTime = .zero
        if let step {
            let left = Mutex(after)
            let gate = Gate(left)
            tuning.interrupt = { $0 == step ? gate.pass() : nil }
        }
        self.tuning = tuning
        migrator = Migrator(tenant, tuning: tuning)
    }

    private final class Gate: Sendable {
        private let left: Mutex<Int>

        init(_ left: consuming Mutex<Int>) { self.left = left }

        func pass() -> LociError? {
            left.withLock { left in
                left -= 1
                return left < 0 ? Self.crash : nil
            }
        }

        static let crash = LociError(
            .cancelled,
            subject: "test",
            message: "The process ended here."
        )
    }

    /// Moves and collects until nothing is left.
    @discardableResult
    func settle(batchSize: Int = 1000) async throws -> MigrationStatus {
        let worker = MigrationWorker(tenant, batchSize: batchSize, tuning: tuning)
        var last: MigrationStatus?
        for try await status in worker.runUntilReady() { last = status }
        return try #require(last)
    }

    var state: MigrationState {
        get throws { try migrator.status().state }
    }

    @discardableResult
    func start(
        _ scheme: String,
        _ options: MigrationOptions = .init()
    ) async throws
        -> MigrationStatus
    {
        try await migrator.start(to: try Scheme(scheme), options: options, origin: Scratch.origin)
    }
}

extension MigrationOptions {
    static func with(_ change: (inout MigrationOptions) -> Void) -> MigrationOptions {
        var options = MigrationOptions()
        change(&options)
        return options
    }
}

/// The code of what `body` throws.
func code(_ body: () async throws -> Void) async -> LociError.Code? {
    do {
        try await body()
        return nil
    } catch let error as LociError {
        return error.code
    } catch {
        return nil
    }
}
