import Linux
import Loci

/// Opens the user's editor on some bytes.
enum Editor {
    /// The bytes as the user left them.
    static func edit(_ content: [UInt8], name: Name) throws(LociError) -> [UInt8] {
        let command =
            Terminal.environment("VISUAL") ?? Terminal.environment("EDITOR") ?? "vi"
        let directory = try temporaryDirectory()
        let path = Array((directory + "/").utf8) + name.bytes
        defer {
            try? File.workingDirectory.unlink(path)
            try? File.workingDirectory.removeDirectory(directory)
        }
        let ending: Child.Ending
        do throws(Errno) {
            try File.open(path, [.writeOnly, .create, .exclusive], mode: 0o600).write(content)
            // The shell splits what the variable holds, as git does; the path is its argument.
            let child = try Child.spawn(
                Child.Command(
                    executable: "/bin/sh",
                    arguments: ["sh", "-c", command + " \"$1\"", "sh"]
                        + [String(decoding: path, as: UTF8.self)]
                )
            )
            ending = try child.wait()
        } catch {
            throw InputBytes.failure(error, path, "edited")
        }
        guard ending == .exited(0) else {
            throw LociError(
                .cancelled,
                subject: command,
                message: "The editor '\(command)' failed, and nothing was changed.",
                remedy: "Set EDITOR, or give the new content as a file."
            )
        }
        return try InputBytes.file(path)
    }

    private static func temporaryDirectory() throws(LociError) -> String {
        let base = Terminal.environment("TMPDIR") ?? "/tmp"
        do throws(Errno) {
            let path = base + "/loci-edit-" + Hex.text(try Machine.random(count: 8))
            try File.workingDirectory.makeDirectory(path, mode: 0o700)
            return path
        } catch {
            throw InputBytes.failure(error, Array(base.utf8), "written to")
        }
    }
}
