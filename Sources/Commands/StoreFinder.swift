import Linux
import Loci

/// Finds the store, the tenant and the path within it that a command means.
struct StoreFinder {
    /// What a mount says of itself in `.loci/status.json`.
    private struct MountStatus {
        let store: String
        let tenant: TenantID
        /// The mount point, and the directory of the tenant that it shows.
        let root: [UInt8]
        let subdirectory: NamePath
    }

    // MARK: One tenant

    /// The tenant that a command without a path means.
    ///
    /// `session`: that of an ended process whose work this one goes on with.
    static func tenant(
        _ options: StoreOptions,
        session: String? = nil
    ) throws(LociError) -> Tenant {
        let found = try find(options.store)
        return try found.store.tenant(
            try choose(options.tenant, of: found.store, mounted: found.tenant),
            session: session
        )
    }

    /// The tenant and the path in it that an argument means: a path inside a mount, or one of the
    /// tenant that the options name.
    static func place(
        _ argument: String,
        _ options: StoreOptions
    ) throws(LociError) -> (tenant: Tenant, path: NamePath) {
        let bytes = RawArguments.bytes(argument)
        if options.store == nil, let mount = try mount(above: absolute(bytes)) {
            let store = try open(mount.store)
            let tenant = try store.tenant(mount.tenant)
            return (tenant, try pathInside(mount, absolute(bytes), tenant))
        }
        return (try tenant(options), try NamePath(parsing: normal(bytes)))
    }

    // MARK: Several tenants

    /// The store, and the tenants that the options name, by their ids.
    static func tenants(
        _ options: TenantsOptions
    ) throws(LociError) -> (store: Store, tenants: [TenantID]) {
        let found = try find(options.store)
        let all = try found.store.tenantIDs()
        if options.allTenants { return (found.store, all) }
        var patterns = options.tenant
        if patterns.isEmpty, let named = Terminal.environment("LOCI_TENANT") { patterns = [named] }
        if patterns.isEmpty {
            return (found.store, [try choose(nil, of: found.store, mounted: found.tenant)])
        }
        var chosen: [TenantID] = []
        for pattern in patterns {
            let fitting = all.filter { Glob.matches(pattern, $0.rawValue) }
            guard !fitting.isEmpty || !Glob.isPattern(pattern) else {
                throw LociError(
                    .unknownTenant,
                    subject: pattern,
                    message: "No tenant of the store \(found.store.path) fits '\(pattern)'.",
                    remedy: "See which there are with:  loci tenant list"
                )
            }
            guard !fitting.isEmpty else {
                // An id without wildcards is an unknown tenant, which names its near miss.
                chosen.append(try found.store.tenant(try TenantID(pattern)).id)
                continue
            }
            for id in fitting where !chosen.contains(id) { chosen.append(id) }
        }
        return (found.store, chosen)
    }

    // MARK: The store

    /// The store that `--store`, the environment or the working directory means, and the tenant
    /// where a mount told it.
    static func find(
        _ given: String?
    ) throws(LociError) -> (store: Store, tenant: TenantID?) {
        if let named = given ?? mountedHere() ?? Terminal.environment("LOCI_STORE") {
            let path = absolute(RawArguments.bytes(named))
            if !isFile(path + Array("/loci.json".utf8)), let mount = try mount(above: path) {
                return (try open(mount.store), mount.tenant)
            }
            return (try open(String(decoding: path, as: UTF8.self)), nil)
        }
        throw LociError(
            .invalidArgument,
            subject: "--store",
            message: "No store is named.",
            remedy: "Add --store DIR, set LOCI_STORE, or give a path inside a mount."
        )
    }

    /// The working directory, where it lies inside a mount of ours.
    private static func mountedHere() -> String? {
        guard let here = Terminal.workingDirectory, let found = try? mount(above: here) else {
            return nil
        }
        return String(decoding: found.root, as: UTF8.self)
    }

    /// Opens a store; root acts as its owner from then on.
    static func open(_ path: String) throws(LociError) -> Store {
        try actAsOwner(of: path)
        return try Store.open(at: path)
    }

    /// Root becomes the owner, so that it leaves nothing behind that the owner cannot change; any
    /// other user is refused.
    static func actAsOwner(of path: String) throws(LociError) {
        guard let status = try? File.status(of: path) else { return }
        let user = EffectiveUser.id
        guard status.user != user else { return }
        guard user == 0 else {
            throw LociError(
                .notPermitted,
                subject: path,
                message: "The store \(path) belongs to user \(status.user), and you are user "
                    + "\(user).",
                remedy: "Run loci as its owner or as root."
            )
        }
        do throws(Errno) {
            try Terminal.become(user: status.user, group: status.group)
        } catch {
            throw LociError(
                .notPermitted,
                subject: path,
                message: "Root cannot act as the owner of \(path): \(error.explanation).",
                systemError: error.rawValue
            )
        }
    }

    /// `--tenant`, the environment, the mount's, or the only one.
    private static func choose(
        _ given: String?,
        of store: Store,
        mounted: TenantID?
    ) throws(LociError) -> TenantID {
        if let given { return try TenantID(given) }
        if let mounted { return mounted }
        if let named = Terminal.environment("LOCI_TENANT") { return try TenantID(named) }
        let all = try store.tenantIDs()
        if all.count == 1 { return all[0] }
        guard !all.isEmpty else {
            throw LociError(
                .unknownTenant,
                subject: store.path,
                message: "The store \(store.path) has no tenant.",
                remedy: "Make one with:  loci tenant create ID --store \(store.path)"
            )
        }
        let names = all.prefix(8).map(\.rawValue).joined(separator: ", ")
        throw LociError(
            .invalidArgument,
            subject: "--tenant",
            message: "The store \(store.path) has \(all.count) tenants: \(names)"
                + (all.count > 8 ? ", …" : "") + ".",
            remedy: "Name one with --tenant."
        )
    }

    // MARK: Mounts

    /// The mount of ours that a path lies in, by the `.loci/status.json` above it.
    ///
    /// Only where the system says that we are mounted: anybody may write a file of that name, and
    /// a store that somebody else chose must not be opened.
    private static func mount(above path: [UInt8]) throws(LociError) -> MountStatus? {
        let mounts = try OurMounts.all()
        guard !mounts.isEmpty else { return nil }
        var parts = path.split(separator: UInt8(ascii: "/"))
        while true {
            let directory = Array("/".utf8) + Array(parts.joined(separator: [UInt8(ascii: "/")]))
            let isOurs = OurMounts.contains(String(decoding: directory, as: UTF8.self), mounts)
            if isOurs, let status = try status(ofMountAt: directory) { return status }
            if parts.popLast() == nil { return nil }
        }
    }

    private static func status(ofMountAt directory: [UInt8]) throws(LociError) -> MountStatus? {
        let text: [UInt8]
        do throws(Errno) {
            let file = try File.open(directory + Array("/.loci/status.json".utf8))
            text = try file.readAll(limit: 1 << 20)
        } catch .notConnected {
            let shown = String(decoding: directory, as: UTF8.self)
            throw LociError(
                .deadMount,
                subject: shown,
                message: "The daemon of the mount at \(shown) is gone.",
                remedy: "Mount it again, or remove it with:  loci umount \(shown)"
            )
        } catch {
            return nil
        }
        guard let json = try? JSON(parsing: text), let store = json["store"]?.stringValue,
            let name = json["tenant"]?.stringValue, let tenant = try? TenantID(name)
        else { return nil }
        return MountStatus(
            store: store,
            tenant: tenant,
            root: directory,
            subdirectory: try NamePath(parsing: json["subdir"]?.nameBytes ?? [])
        )
    }

    /// The path within the tenant.
    ///
    /// What `.loci/layouts/<n>` shows is looked up in that layout, which may have been made apart.
    private static func pathInside(
        _ mount: MountStatus,
        _ path: [UInt8],
        _ tenant: Tenant
    ) throws(LociError) -> NamePath {
        let rootDepth = mount.root.split(separator: UInt8(ascii: "/")).count
        var names = Array(try NamePath(parsing: path).names.dropFirst(rootDepth))
        let texts = names.prefix(2).map(\.description)
        if texts == [".loci", "layouts"], names.count > 2 {
            let below = NamePath(Array(names.dropFirst(3)))
            guard let number = Int(names[2].description) else { return below }
            // What was just written has a name in other layouts once it is committed.
            Mounts.askToCommit(tenant)
            return try tenant.sharedPath(of: below, in: LayoutNumber(number))
        }
        names.insert(contentsOf: mount.subdirectory.names, at: 0)
        return NamePath(names)
    }

    /// An absolute path without `.`, `..` and doubled slashes, by the words alone.
    static func absolute(_ path: [UInt8]) -> [UInt8] {
        guard path.first != ASCII.slash else { return normal(path) }
        return normal((Terminal.workingDirectory ?? []) + [ASCII.slash] + path)
    }

    /// A path from the root, without `.`, `..` and doubled slashes.
    private static func normal(_ path: [UInt8]) -> [UInt8] {
        let slash = ASCII.slash
        var parts: [ArraySlice<UInt8>] = []
        for part in path.split(separator: slash) {
            if part.elementsEqual("..".utf8) {
                _ = parts.popLast()
            } else if !part.elementsEqual(".".utf8) {
                parts.append(part)
            }
        }
        return [slash] + Array(parts.joined(separator: [slash]))
    }

    static func isFile(_ path: [UInt8]) -> Bool {
        (try? File.status(of: path))?.kind == .file
    }
}

/// Patterns with `*` and `?`, as `--tenant` and `--include` take them.
enum Glob {
    /// Whether a text has anything that stands for other text.
    static func isPattern(_ text: String) -> Bool { text.contains("*") || text.contains("?") }

    static func matches(_ pattern: String, _ text: String) -> Bool {
        matches(Array(pattern.utf8), Array(text.utf8))
    }

    /// Linear but for the last `*`, where it goes back.
    static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var p = 0
        var t = 0
        var star: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = (p + 1, t)
                p += 1
            } else if p < pattern.count,
                pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t]
            {
                p += 1
                t += 1
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                p = last.pattern
                t = last.text + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
