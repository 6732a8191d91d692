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
}
