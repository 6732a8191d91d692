import CCalls
import Glibc
import Linux
import Synchronization
import TestSupport
import Testing

@testable import Mount

/// A mount and a plain directory for each of two users: root, and one who may do nothing special.
///
/// The mount of the ordinary user is made by `fusermount3`, and served with that user's rights. Who
/// runs the tests without being root has only themselves.
final class CallSides: Sendable {
    @TaskLocal static var current: CallSides?

    /// Whose calls are made: `nobody`, as `fusermount3` wants a user with a name.
    static let ordinary: UInt32 = 65_534

    struct User: Sendable, CustomStringConvertible {
        let description: String
        /// nil: who runs the tests.
        let id: UInt32?
        let mounted: MountedTenant
        let plain: String
    }

    let users: [User]
    private let plain: Scratch
    private let count = Atomic<Int>(0)

    init() throws {
        plain = try Scratch()
        var users: [User] = []
        for id in geteuid() == 0 ? [nil, Self.ordinary] : [nil] {
            let directory = plain.path + "/" + (id.map { "\($0)" } ?? "self")
            try File.workingDirectory.makeDirectory(directory, mode: 0o755)
            if let id { unsafe chown(directory, id, id) }
            let made = Mutex<Result<MountedTenant, any Error>?>(nil)
            _ = try Self.run(in: directory, as: id) { _ in
                let mounted = Result {
                    try MountedTenant("{folder...}", geteuid() == 0 ? "allow_other" : "")
                }
                made.withLock { $0 = mounted }
            }
            users.append(
                User(
                    description: id == nil ? "user \(geteuid())" : "an ordinary user",
                    id: id,
                    mounted: try #require(made.withLock { $0 }).get(),
                    plain: directory
                )
            )
        }
        self.users = users
    }

    /// Unmounts, each with the rights of who mounted.
    func end() throws {
        for user in users {
            _ = try Self.run(in: "/", as: user.id) { _ in user.mounted.unmount() }
        }
    }

    /// Runs `body` on a thread with a working directory, a umask and rights of its own.
    static func run(
        in directory: String,
        as user: UInt32?,
        commit: @escaping @Sendable () -> Void = {},
        _ body: @escaping @Sendable (Calls) throws -> Void
    ) throws -> [String] {
        let outcome = Mutex<Result<[String], any Error>>(.success([]))
        let thread = try Thread.spawn(name: "calls") {
            let result = Result {
                let user = user ?? .max
                guard unsafe calls_be(user, user, directory) == 0 else {
                    throw Errno(rawValue: errno)
                }
                let calls = Calls(directory, commit: commit)
                try body(calls)
                return calls.transcript
            }
            outcome.withLock { $0 = result }
        }
        thread.join()
        return try outcome.withLock { try $0.get() }
    }

    /// Makes the same calls in a new directory of each mount and of each plain directory, and
    /// expects the same of them.
    static func compare(
        at location: SourceLocation = #_sourceLocation,
        _ body: @escaping @Sendable (Calls) throws -> Void
    ) throws {
        try compare(at: location, by: { _ in true }, body)
    }

    /// The same, by root only: who calls for another user.
    static func compareAsRoot(
        at location: SourceLocation = #_sourceLocation,
        _ body: @escaping @Sendable (Calls) throws -> Void
    ) throws {
        try compare(at: location, by: { $0.id == nil }, body)
    }

    private static func compare(
        at location: SourceLocation,
        by isMeant: (User) -> Bool,
        _ body: @escaping @Sendable (Calls) throws -> Void
    ) throws {
        let sides = try #require(current, "The suite has no mounts", sourceLocation: location)
        for (user, mount, plain) in try sides.transcripts(of: sides.users.filter(isMeant), body) {
            let line = zip(mount, plain).enumerated().first { $1.0 != $1.1 }?.offset
            if line == nil && mount.count == plain.count { continue }
            let at = line ?? min(mount.count, plain.count)
            let before = mount[..<at].suffix(6).joined(separator: "\n    ")
            Issue.record(
                """
                As \(user), call \(at): the mount says  \(mount.dropFirst(at).first ?? "nothing")
                and the plain directory  \(plain.dropFirst(at).first ?? "nothing")
                after
                    \(before)
                """,
                sourceLocation: location
            )
        }
    }

    /// Makes the same calls on each mount and in each plain directory; what they gave, by user.
    static func transcripts(
        _ body: @escaping @Sendable (Calls) throws -> Void
    ) throws -> [(user: User, mount: [String], plain: [String])] {
        let sides = try #require(current, "The suite has no mounts")
        return try sides.transcripts(of: sides.users, body)
    }

    /// Makes calls in a new directory of each mount only; what they gave, by user.
    static func onMounts(
        _ body: @escaping @Sendable (Calls) throws -> Void
    ) throws -> [(user: String, transcript: [String])] {
        let sides = try #require(current, "The suite has no mounts")
        return try sides.users.map { user in
            let directory = try sides.directory(user.mounted.path, user)
            return (user.description, try sides.run(user, directory, isMount: true, body))
        }
    }

    private func transcripts(
        of users: [User],
        _ body: @escaping @Sendable (Calls) throws -> Void
    ) throws -> [(user: User, mount: [String], plain: [String])] {
        try users.map { user in
            let mount = try directory(user.mounted.path, user)
            let plain = try directory(user.plain, user)
            let there = Mutex<Result<[String], any Error>>(.success([]))
            let beside = try Thread.spawn(name: "plain") {
                let result = Result { try self.run(user, plain, isMount: false, body) }
                there.withLock { $0 = result }
            }
            let here = Result { try run(user, mount, isMount: true, body) }
            beside.join()
            return (user, try here.get(), try there.withLock { try $0.get() })
        }
    }

    private func run(
        _ user: User,
        _ directory: String,
        isMount: Bool,
        _ body: @escaping @Sendable (Calls) throws -> Void
    ) throws -> [String] {
        let mounted = user.mounted
        return try Self.run(
            in: directory,
            as: user.id,
            commit: { if isMount { _ = mounted.daemon.staging.commitNow(.unmount) } },
            body
        )
    }

    private func directory(_ root: String, _ user: User) throws -> String {
        let path = root + "/case-\(count.wrappingAdd(1, ordering: .relaxed).newValue)"
        _ = try Self.run(in: root, as: user.id) { _ in
            guard unsafe mkdir(path, 0o755) == 0 else { throw Errno(rawValue: errno) }
        }
        return path
    }
}

/// Mounts for all tests of a suite, with `/dev/fuse` open to users as long as they run.
struct CallSidesTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        var device = Glibc.stat()
        try #require(unsafe stat("/dev/fuse", &device) == 0)
        if geteuid() == 0 { unsafe chmod("/dev/fuse", 0o666) }
        defer { if geteuid() == 0 { unsafe chmod("/dev/fuse", device.st_mode & 0o777) } }
        let sides = try CallSides()
        let outcome: Result<Void, any Error>
        do {
            try await CallSides.$current.withValue(sides) { try await function() }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try sides.end()
        try outcome.get()
    }
}

extension Trait where Self == CallSidesTrait {
    static var callSides: Self { Self() }
}

/// The same system calls on a mount and in a plain directory, with the same results.
@Suite("System calls", .serialized, .callSides, .timeLimit(.minutes(20)))
struct CallTests {
    static let (noReplace, exchange): (UInt32, UInt32) = (1, 2)
}
