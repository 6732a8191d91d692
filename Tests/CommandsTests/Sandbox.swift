import Glibc
import Linux
import Model
import Testing

/// A temporary directory in which the built program runs as a real process.
///
/// Everything goes with the value: mounts, their daemons, the directory. Shells see the program as
/// `loci`, the store as `$LOCI_STORE` once it is made, and begin in the directory.
final class Sandbox: Sendable {
    let root: String

    struct Outcome {
        let status: Int32
        let output: String
        let errors: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }

        /// The JSON values of the lines.
        var json: [JSON] {
            get throws { try lines.map { try JSON(parsing: $0) } }
        }
    }

    init(store scheme: String? = "{folder...}") throws {
        root = "/tmp/loci-commands-" + Hex.text(try Machine.random(count: 8))
        try File.workingDirectory.makeDirectory(root, mode: 0o755)
        if let scheme { try must("loci init store --scheme '\(scheme)'") }
    }

    deinit {
        _ = try? run(
            """
            for m in mnt*; do mountpoint -q $m && { loci umount $m || umount -l $m; }; done
            cd /; rm -rf '\(root)'
            """
        )
    }

    /// Runs a script in a shell.
    func run(_ script: String) throws -> Outcome {
        let number = Hex.text(try Machine.random(count: 4))
        let names = ["out", "err"].map { "\(root)/.\($0)-\(number)" }
        defer { for name in names { try? File.workingDirectory.unlink(name) } }
        let output = try File.open(names[0], [.readWrite, .create])
        let errors = try File.open(names[1], [.readWrite, .create])
        let nothing = try File.open("/dev/null")
        let child = try Child.spawn(
            Child.Command(
                executable: "/bin/bash",
                arguments: ["bash", "-c", script],
                environment: [
                    "PATH=\(Self.programs):/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "LOCI_STORE=\(root)/store", "LC_ALL=C.UTF-8", "TERM=dumb", "HOME=\(root)",
                ],
                descriptors: [
                    0: nothing.descriptor, 1: output.descriptor, 2: errors.descriptor,
                ],
                directory: root
            )
        )
        guard case .exited(let status) = try child.wait() else {
            return Outcome(status: -1, output: "", errors: "killed by a signal")
        }
        return Outcome(
            status: status,
            output: try Self.text(names[0]),
            errors: try Self.text(names[1])
        )
    }

    /// Runs a script of which every command has to succeed.
    @discardableResult
    func must(_ script: String, at location: SourceLocation = #_sourceLocation) throws -> Outcome {
        let outcome = try run("set -eo pipefail\n" + script)
        try #require(
            outcome.status == 0,
            "\(script): \(outcome.output)\(outcome.errors)",
            sourceLocation: location
        )
        return outcome
    }

    /// The rows of the change log about one operation, oldest first.
    func changes(_ operation: String) throws -> [JSON] {
        try must(
            """
            python3 -c 'import json, sqlite3
            log = sqlite3.connect("file:store/main/catalog.db?mode=ro", uri=True)
            log.row_factory = sqlite3.Row
            for row in log.execute("SELECT * FROM change WHERE op = ? ORDER BY seq",
                    ["\(operation)"]):
                print(json.dumps(dict(row), default=bytes.hex))'
            """
        ).json
    }

    private static func text(_ path: String) throws -> String {
        String(decoding: try File.open(path).readAll(limit: 1 << 26), as: UTF8.self)
    }

    /// Where the built products are: beside the test bundle.
    private static let programs: String = {
        let path = RunningProcess.current.executable ?? ""
        return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
    }()
}
