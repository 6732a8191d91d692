import Linux
import TestSupport

/// A store in a temporary directory, mounted by the built program, and shells that work on it.
///
/// Everything goes with the value: the mount, the daemon, the directory. A shell has `$M` (the mount
/// point), `$S` (the store), `$W` (a directory to work in) and `loci` in its `PATH`.
final class MountedStore: Sendable {
    private let scratch: Scratch
    var root: String { scratch.path }
    var mount: String { root + "/mnt" }
    var store: String { root + "/store" }
    var work: String { root + "/work" }

    struct Outcome {
        let status: Int32
        let output: String
        let errors: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    /// `files`: paths below the source of an import, with their text; imported by `scheme` itself.
    init(
        scheme: String = "{folder...}",
        files: [String: String] = [:],
        options: String = "",
        mounted: Bool = true
    ) throws {
        scratch = try Scratch()
        try must("mkdir -p \"$M\" \"$W\" \"$W/source\"; loci init \"$S\" --scheme '\(scheme)'")
        for (path, text) in files {
            try must(
                "mkdir -p \"$(dirname \"$W/source/\(path)\")\"; cat >\"$W/source/\(path)\" <<'END'\n"
                    + text + "\nEND"
            )
        }
        if !files.isEmpty {
            try must("loci import \"$W/source\" --store \"$S\" --scheme-of-source '\(scheme)'")
        }
        if mounted { try remount(options) }
    }

    deinit {
        _ = try? shell(
            """
            # A dead mount is none to mountpoint.
            grep -qF " $M fuse" /proc/mounts &&
                { loci umount "$M" || fusermount3 -uz "$M" || umount -l "$M"; }
            """
        )
    }

    func remount(_ options: String = "") throws {
        let o = options.isEmpty ? "" : "-o \(options)"
        try must("loci mount \"$S\" \"$M\" \(o)")
    }

    /// Runs a script in bash and gives what came of it.
    func shell(_ script: String) throws -> Outcome {
        try Self.run(
            ["bash", "-c", script],
            environment: [
                "PATH=\(Self.programs):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME=\(root)", "M=\(mount)", "S=\(store)", "W=\(work)", "LC_ALL=C.UTF-8",
                "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@t",
                "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@t", "TERM=dumb",
            ]
        )
    }

    /// Runs a script that takes minutes, on a thread of its own.
    ///
    /// In the pool, which has a thread a processor, it would keep the other tests waiting.
    func longShell(_ script: String) async throws -> Outcome {
        try await withCheckedThrowingContinuation { continuation in
            do {
                _ = try Thread.spawn(name: "script") {
                    continuation.resume(with: Result { try self.shell(script) })
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Runs a script that has to succeed, each of its commands too.
    @discardableResult
    func must(_ script: String) throws -> Outcome {
        let outcome = try shell("set -eo pipefail\n" + script)
        guard outcome.status == 0 else {
            throw Failed(
                description:
                    "exit \(outcome.status) of: \(script)\n\(outcome.output)\n\(outcome.errors)"
            )
        }
        return outcome
    }

    /// One value of the JSON that `loci stat --json` prints of a path below the mount.
    func stat(_ path: String, _ key: String) throws -> String {
        try must(
            "loci stat \"$M/\(path)\" --json | python3 -c "
                + "'import json,sys; print(json.load(sys.stdin)[\"\(key)\"])'"
        ).output.trimmed
    }

    /// The number of memories that are not in the trash.
    func memories() throws -> Int {
        let text = try must(
            "loci status --store \"$S\" --json | python3 -c "
                + "'import json,sys; print(json.loads(sys.stdin.readline())[\"memories\"])'"
        ).output
        return Int(text.trimmed) ?? -1
    }

    /// Asks `fsck`; its words where it found something.
    func check() throws -> String? {
        let outcome = try shell("loci fsck --store \"$S\"")
        return outcome.status == 0 ? nil : outcome.output + outcome.errors
    }

    // MARK: Processes

    /// Where the built products are: beside the test bundle.
    static let programs: String = {
        var path = RunningProcess.current.executable ?? ""
        // The bundle may be run by a helper of the toolchain: the first argument names it then.
        if !path.contains(".build") { path = CommandLine.arguments.first ?? path }
        for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
            path = argument
        }
        return path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            .joined(separator: "/")
    }()

    private static func run(_ arguments: [String], environment: [String]) throws -> Outcome {
        let scratch = try Scratch()
        let directory = scratch.path
        let out = try File.open(directory + "/out", [.readWrite, .create])
        let errors = try File.open(directory + "/err", [.readWrite, .create])
        let null = try File.open("/dev/null")
        let child = try Child.spawn(
            Child.Command(
                executable: "/bin/bash",
                arguments: arguments,
                environment: environment,
                descriptors: [0: null.descriptor, 1: out.descriptor, 2: errors.descriptor]
            )
        )
        let status: Int32 =
            switch try child.wait() {
            case .exited(let status): status
            case .signaled(let signal): 128 + signal
            }
        try out.seek(to: 0)
        try errors.seek(to: 0)
        return Outcome(
            status: status,
            output: String(decoding: try out.readAll(limit: 64 << 20), as: UTF8.self),
            errors: String(decoding: try errors.readAll(limit: 64 << 20), as: UTF8.self)
        )
    }
}

extension String {
    var trimmed: String {
        var view = self[...]
        while view.last?.isWhitespace == true { view.removeLast() }
        return String(view)
    }
}
