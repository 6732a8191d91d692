import Linux
import Loci

extension StoreFinder {
    /// Refuses a path that is the store, or beneath it: what a tenant keeps there is neither a
    /// source of memories nor a place for copies of them.
    ///
    /// By identity and not by name, so that no link leads past it. A path that is not there yet is
    /// judged by its parents.
    static func requireApart(_ path: [UInt8], from store: Store) throws(LociError) {
        guard let home = identity(ofStoreAt: store.path) else { return }
        var current = withoutLinks(path)[...]
        while let slash = current.lastIndex(of: ASCII.slash) {
            if (try? File.status(of: Array(current)))?.identity == home {
                throw LociError(
                    .invalidArgument,
                    subject: String(decoding: path, as: UTF8.self),
                    message: "\(String(decoding: path, as: UTF8.self)) is in the store "
                        + "\(store.path).",
                    remedy: "Give a path outside the store."
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
        var real = withoutLinks(path)
        let shown = String(decoding: path, as: UTF8.self)
        let mounts = try OurMounts.all()
        var isTarget = true
        while true {
            let text = String(decoding: real, as: UTF8.self)
            let isInStore = !isTarget && isFile(real + Array("/loci.json".utf8))
            if isInStore || mounts.contains(text) {
                throw LociError(
                    .invalidArgument,
                    subject: shown,
                    message: "\(shown) is in the \(isInStore ? "store" : "mount") \(text).",
                    remedy: "Give a directory outside of stores and mounts."
                )
            }
            isTarget = false
            guard let slash = real.lastIndex(of: ASCII.slash), real.count > 1 else { return }
            real = slash == 0 ? [ASCII.slash] : Array(real[..<slash])
        }
    }

    /// Refuses a path inside a mount of the tenant: what is written there becomes a part of it, and
    /// an export would export itself.
    static func requireOutsideMounts(
        _ path: [UInt8],
        of tenant: Tenant
    ) throws(LociError) {
        let parents = withoutLinks(path).split(separator: ASCII.slash)
        let known = (0...parents.count).reversed().lazy.compactMap { count in
            let parent = [ASCII.slash] + Array(parents[..<count].joined(separator: [ASCII.slash]))
            return try? File.status(of: parent)
        }.first
        guard let device = known?.identity.device else { return }
        let home = identity(ofStoreAt: tenant.store.path)
        for mount in try OurMounts.all() {
            guard (try? File.status(of: mount, .dontSync))?.identity.device == device,
                let status = OurMounts.status(of: mount),
                let store = status["store"]?.stringValue, identity(ofStoreAt: store) == home,
                status["tenant"]?.stringValue == tenant.id.rawValue
            else { continue }
            let shown = String(decoding: path, as: UTF8.self)
            throw LociError(
                .invalidArgument,
                subject: shown,
                message: "\(shown) is in the mount of the same tenant at \(mount).",
                remedy: "Give a path outside the mount."
            )
        }
    }

    private static func identity(ofStoreAt path: String) -> FileStatus.Identity? {
        (try? File.status(of: path))?.identity
    }

    /// A path with its links followed, as far as it is there.
    private static func withoutLinks(_ path: [UInt8]) -> [UInt8] {
        var known = path[...]
        while let slash = known.lastIndex(of: ASCII.slash) {
            if let real = OurMounts.realPath(of: Array(known)) {
                return real + path[known.endIndex...]
            }
            known = known[..<slash]
        }
        return path
    }
}
