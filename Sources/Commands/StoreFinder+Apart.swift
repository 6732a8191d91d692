import Linux
import Loci

extension StoreFinder {
    /// Refuses a directory that is the store, or beneath it: what a tenant keeps there is neither a
    /// source of memories nor a place for copies of them.
    ///
    /// By identity and not by name, so that no link leads past it. A path that is not there yet is
    /// judged by its parents.
    static func requireApart(_ path: [UInt8], from store: Store) throws(LociError) {
        guard let home = try? File.status(of: store.path).identity else { return }
        var current = path[...]
        while let slash = current.lastIndex(of: UInt8(ascii: "/")) {
            if (try? File.status(of: Array(current)))?.identity == home {
                throw LociError(
                    .invalidArgument,
                    subject: String(decoding: path, as: UTF8.self),
                    message: "\(String(decoding: path, as: UTF8.self)) is in the store "
                        + "\(store.path).",
                    remedy: "Give a directory outside the store."
                )
            }
            current = current[..<slash]
        }
    }

    /// Refuses a directory for copies of a store's tenants that is in that store, in another one, or
    /// in a mount.
    static func requirePlaceForCopies(_ argument: String, from store: Store) throws(LociError) {
        let path = absolute(RawArguments.bytes(argument))
        try requireApart(path, from: store)
        var real = realPath(of: path)
        let shown = String(decoding: path, as: UTF8.self)
        let mounts = try OurMounts.all()
        var isTarget = real.isWhole
        while true {
            let text = String(decoding: real.path, as: UTF8.self)
            let isInStore = !isTarget && isFile(real.path + Array("/loci.json".utf8))
            if isInStore || mounts.contains(text) {
                throw LociError(
                    .invalidArgument,
                    subject: shown,
                    message: "\(shown) is in the \(isInStore ? "store" : "mount") \(text).",
                    remedy: "Give a directory outside of stores and mounts."
                )
            }
            isTarget = false
            guard let slash = real.path.lastIndex(of: ASCII.slash), real.path.count > 1 else {
                return
            }
            real.path = slash == 0 ? [ASCII.slash] : Array(real.path[..<slash])
        }
    }

    /// The path without symbolic links of the nearest parent that is there, and whether that is the
    /// path itself.
    private static func realPath(of path: [UInt8]) -> (path: [UInt8], isWhole: Bool) {
        var current = path
        while current.count > 1 {
            if let file = try? File.open(current, [.path]),
                let link = try? File.workingDirectory.readSymbolicLink(
                    "/proc/self/fd/\(file.descriptor)"
                )
            {
                return (link, current == path)
            }
            guard let slash = current.lastIndex(of: ASCII.slash) else { break }
            current.removeSubrange(slash...)
        }
        return ([ASCII.slash], path.count <= 1)
    }
}
