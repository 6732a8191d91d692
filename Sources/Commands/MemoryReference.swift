import Loci

/// A memory as a command line names it: by a path, or by its id.
struct MemoryReference {
    let tenant: Tenant
    /// As it is now; as it was where a moment is named.
    let memory: Memory
    /// nil for now.
    let moment: PastMoment?

    /// Finds the memory; throws `isADirectory` where the path is one.
    ///
    /// `when`: the path is one of that moment then.
    init(
        _ argument: String,
        _ options: StoreOptions,
        _ when: MomentOptions? = nil
    ) throws(LociError) {
        let (tenant, path) = try StoreFinder.place(argument, options)
        self.tenant = tenant
        Mounts.askToCommit(tenant)
        let moment = try when?.moment(tenant)
        self.moment = moment
        do throws(LociError) {
            memory = try tenant.memory(at: path, at: moment)
        } catch {
            guard let found = tenant.memory(whoseIDIs: path) else { throw error }
            memory = if let moment { try tenant.memory(found.id, when: moment) } else { found }
        }
    }
}

extension Tenant {
    /// The memory at a path, or the one whose id was given in its place.
    func memory(called path: NamePath) throws(LociError) -> Memory {
        do throws(LociError) {
            return try memory(at: path)
        } catch {
            guard let found = memory(whoseIDIs: path), !found.isTrashed else { throw error }
            return found
        }
    }

    fileprivate func memory(whoseIDIs path: NamePath) -> Memory? {
        guard path.names.count == 1, let text = path.last?.utf8String,
            let id = try? MemoryID(text)
        else { return nil }
        return try? memory(id)
    }
}

extension Memory {
    /// The path for people and scripts: the name alone where it has no place.
    var shownPath: NamePath { path ?? NamePath([name]) }

    /// What `--json` tells of a memory.
    var json: JSON {
        [
            "id": .string(id.description),
            "path": path.map { JSON(path: $0) } ?? .null,
            "name": JSON(name: name),
            "attributes": JSON(attributes: attributes),
            "created": .string(created.description),
            "updated": .string(updated.description),
            "revision": .integer(Int64(revision.rawValue)),
            "size": .integer(size),
            "sha256": .string(hash.description),
            "trashed": .bool(isTrashed),
        ]
    }
}

extension SpeechOptions {
    /// Prints the path that a write resulted in.
    func print(result memory: Memory, nul: Bool = false) throws(LociError) {
        guard !quiet else { return }
        var output = Output()
        if json {
            try output.line(memory.json)
        } else {
            try output.path(memory.shownPath, nul: nul)
        }
        try output.flush()
    }
}

/// What commands and running mounts have to do with each other.
enum Mounts {
    /// Has running mounts commit what they hold, and says which did not in time.
    static func askToCommit(_ tenant: Tenant) {
        guard let silent = try? tenant.askMountsToCommit() else { return }
        for mount in silent {
            Words.note(
                "the mount at \(mount.mountPoint) is still writing; what it has not committed is "
                    + "not seen here."
            )
        }
    }
}
