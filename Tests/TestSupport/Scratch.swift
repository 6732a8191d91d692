package import Linux

/// A directory of its own for one test, removed with everything in it.
package final class Scratch: Sendable {
    package let path: String

    package init() throws {
        let random = try Machine.random(count: 8).map { String($0, radix: 16) }.joined()
        path = "/tmp/loci-test-\(random)"
        try File.workingDirectory.makeDirectory(path)
    }

    package func open() throws -> File { try File.open(path, [.readOnly, .directory]) }

    deinit { try? Self.empty(path) }

    private static func empty(_ path: String) throws {
        for entry in try File.open(path, [.readOnly, .directory]).entries() {
            let name = "\(path)/\(String(decoding: entry.name, as: UTF8.self))"
            let status = try File.status(of: name, .noFollow)
            if status.kind == .directory {
                try empty(name)
            } else {
                try File.workingDirectory.unlink(name)
            }
        }
        try File.workingDirectory.removeDirectory(path)
    }
}
