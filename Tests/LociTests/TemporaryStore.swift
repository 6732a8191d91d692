import Linux
import Model
import Synchronization
import Testing

@testable import Loci

/// A store in a directory of its own under /tmp, removed with it, and a clock that tests set.
final class TemporaryStore: Sendable {
    let path: String
    let store: Store

    static let origin = Origin(actor: "tester", uid: 0, reason: "a test")

    init(
        scheme: Scheme = .folders,
        _ change: (inout StoreEnvironment) -> Void = { _ in }
    ) throws {
        path = "/tmp/loci-store-\(try Store.randomName(8))"
        let clock = ClockBox()
        var environment = StoreEnvironment(clock: { clock.now() })
        change(&environment)
        store = try Store.create(
            at: path,
            scheme: scheme,
            origin: Self.origin,
            environment: environment
        )
        self.clock = clock
    }

    private init(path: String, store: Store, clock: ClockBox) {
        self.path = path
        self.store = store
        self.clock = clock
    }

    /// Another store like this one at this moment, with a clock of its own.
    func copied(
        _ change: (inout StoreEnvironment) -> Void = { _ in }
    ) throws -> TemporaryStore {
        let copy = "/tmp/loci-store-\(try Store.randomName(8))"
        #expect(try run(["/bin/cp", "-a", path, copy]) == 0)
        let clock = ClockBox(at: clock.peek())
        var environment = StoreEnvironment(clock: { clock.now() })
        change(&environment)
        let store = try Store.open(at: copy, environment: environment)
        return TemporaryStore(path: copy, store: store, clock: clock)
    }

    private let clock: ClockBox

    /// Moves the clock on.
    func advance(_ duration: Duration) { clock.advance(duration) }

    var now: Timestamp { clock.peek() }

    func tenant() throws -> Tenant { try store.tenant(.main) }

    /// The same store, opened anew, as another process would.
    func reopened() throws -> Tenant {
        let clock = clock
        let again = try Store.open(
            at: path,
            environment: StoreEnvironment(clock: { clock.now() })
        )
        return try again.tenant(.main)
    }

    deinit { try? StoreFiles.removeTree(path) }
}

/// A clock that moves on by a microsecond at each look, so that times tell an order.
final class ClockBox: Sendable {
    private let time: Mutex<Timestamp>

    init(at time: Timestamp = Timestamp(nanoseconds: 1_700_000_000_000_000_000)) {
        self.time = Mutex(time)
    }

    func now() -> Timestamp {
        time.withLock { time in
            time = time + .microseconds(1)
            return time
        }
    }

    func peek() -> Timestamp { time.withLock(\.self) }

    func advance(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
}

/// The error that `body` throws; a test fails where it throws none.
func failure(_ body: () async throws -> Void) async -> LociError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? LociError)?.code
    }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Runs a program to its end; its output goes where this process's goes.
func run(_ arguments: [String], in directory: String? = nil) throws -> Int32 {
    let child = try Child.spawn(
        Child.Command(executable: arguments[0], arguments: arguments, directory: directory)
    )
    guard case .exited(let code) = try child.wait() else { return -1 }
    return code
}
