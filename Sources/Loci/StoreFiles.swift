import Linux
import Model

/// What creating and removing directories of a store takes, each step durable when it returns.
enum StoreFiles {
    /// Writes a small file under a name that it has only when it is whole and durable.
    static func write(_ bytes: [UInt8], to path: String) throws(LociError) {
        try naming(path) { () throws(Errno) in
            let partial = path + ".new"
            let file = try File.open(partial, [.writeOnly, .create, .truncate], mode: 0o644)
            try file.write(bytes)
            try file.sync()
            try File.workingDirectory.rename(partial, to: File.workingDirectory, path)
        }
        try syncDirectory(parent(of: path))
    }

    /// Makes the names in a directory durable.
    static func syncDirectory(_ path: String) throws(LociError) {
        try naming(path) { () throws(Errno) in
            try File.open(path, [.readOnly, .directory]).sync()
        }
    }

    static func makeDirectory(_ path: String, mode: UInt32) throws(LociError) {
        try naming(path) { () throws(Errno) in
            try File.workingDirectory.makeDirectory(path, mode: mode)
        }
    }

    static func rename(_ old: String, to new: String) throws(LociError) {
        try naming(old) { () throws(Errno) in
            try File.workingDirectory.rename(
                old,
                to: File.workingDirectory,
                new,
                .noReplace
            )
        }
    }

    /// The names in a directory.
    static func names(in path: String) throws(LociError) -> [String] {
        try naming(path) { () throws(Errno) in
            try File.open(path, [.readOnly, .directory]).entries().map {
                String(decoding: $0.name, as: UTF8.self)
            }
        }
    }

    static func exists(_ path: String) -> Bool {
        (try? File.status(of: path, .noFollow)) != nil
    }

    static func isDirectory(_ path: String) -> Bool {
        (try? File.status(of: path, .noFollow))?.kind == .directory
    }

    /// Removes a directory with all that is in it, following no symbolic link.
    ///
    /// Missing ones are no error.
    static func removeTree(_ path: String) throws(LociError) {
        try naming(path) { () throws(Errno) in
            do throws(Errno) {
                try empty(try File.open(path, [.readOnly, .directory, .noFollow]))
                try File.workingDirectory.removeDirectory(path)
            } catch .noSuchFile {
                return
            }
        }
    }

    /// Depth is bounded by the system's limit on paths, since keys are.
    private static func empty(_ directory: borrowing File) throws(Errno) {
        for entry in try directory.entries() {
            var kind = entry.kind
            if kind == nil { kind = try directory.status(of: entry.name).kind }
            if kind == .directory {
                try empty(
                    try directory.openBeneath(entry.name, [.readOnly, .directory, .noFollow])
                )
                try directory.removeDirectory(entry.name)
            } else {
                try directory.unlink(entry.name)
            }
        }
    }

    /// An absolute path without `.`, `..` and repeated slashes; symbolic links stay.
    static func absolute(_ path: String) throws(LociError) -> String {
        var whole = path
        if !path.hasPrefix("/") {
            let working = try naming(path) { () throws(Errno) in
                try File.workingDirectory.readSymbolicLink("/proc/self/cwd")
            }
            whole = String(decoding: working, as: UTF8.self) + "/" + path
        }
        var parts: [Substring] = []
        for part in whole.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    static func parent(of path: String) -> String {
        let parts = path.split(separator: "/")
        return "/" + parts.dropLast().joined(separator: "/")
    }

    /// Turns what a system call throws into what a store throws.
    static func naming<R: ~Copyable>(
        _ path: String,
        _ body: () throws(Errno) -> R
    ) throws(LociError) -> R {
        do throws(Errno) {
            return try body()
        } catch {
            throw LociError(store: error, at: path)
        }
    }
}
