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

    deinit { Self.remove(path) }

    /// Removes a directory with everything in it.
    package static func remove(_ path: String) {
        do throws(Errno) {
            try empty(try File.open(path, [.readOnly, .directory, .noFollow]))
            try File.workingDirectory.removeDirectory(path)
        } catch {
            print("\(path) is left: \(error)")
        }
    }

    private static func empty(_ directory: borrowing File) throws(Errno) {
        for entry in try directory.entries() {
            if try directory.status(of: entry.name, .noFollow).kind == .directory {
                try empty(
                    try directory.openBeneath(entry.name, [.readOnly, .directory, .noFollow])
                )
                try directory.removeDirectory(entry.name)
            } else {
                try directory.unlink(entry.name)
            }
        }
    }
}
