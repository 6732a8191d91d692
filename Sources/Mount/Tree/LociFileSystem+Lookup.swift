import Catalog
package import FUSE
import Glibc
import Linux
import Loci
import Model

extension LociFileSystem {
    package func lookup(_ request: consuming Request, parent: NodeID, name: RawSpan) {
        let attempt = Attempt(request, parent, try? Name(name))
        let thread = thread(attempt.thread)
        let began = SystemClock.monotonic()
        defer {
            finish(thread)
            requestTimes.note(since: began)
        }
        do {
            let name = try Name(name)
            let who = Asker(uid: request.uid, pid: request.pid)
            if let entry = try find(name, in: Place(parent), who, thread) {
                if entry.attributes.mode & S_IFMT != S_IFDIR {
                    habits.noteLookup(by: who.pid)
                    namesListings.noteLookup(in: parent, by: who.pid)
                }
                request.reply(entry)
            } else if let entry = try vanishedEntry(name, in: Place(parent), who.pid, thread) {
                request.reply(entry)
            } else {
                let isKept = !expectedLayout.isOn && Place(parent).tellsOfNewNames
                request.replyAbsent(for: isKept ? Self.long : .none)
            }
        } catch let error as LociError where error.code == .notFound {
            request.replyAbsent(for: .none)
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    package func forget(_ node: NodeID, count: UInt64) {
        switch Place(node) {
        case .generated(let number):
            if searches.forget(number, count: count) { generated.drop(number) }
        case .node(let number):
            staging.forget(number)
            forgetUnlinked(number)
        default: break
        }
    }

    /// Ends a request on its thread.
    func finish(_ thread: ThreadReader) {
        if checkpointWaits.isWaiting || expectedLayout.isOn { thread.end() }
    }

    /// Whose use of an old path is counted.
    struct Asker {
        let uid: UInt32
        let pid: Int32
    }

    private static let loci = Name(unchecked: Array(".loci".utf8))

    func find(
        _ name: Name,
        in place: Place,
        _ who: Asker,
        _ thread: ThreadReader
    ) throws -> KernelEntry? {
        switch place {
        case .special(.foreign): break
        case .special(let special): return try find(name, in: special, who, thread)
        case .meta(let number):
            return try findMeta(name, in: number, thread)
        case .past(let view, let number):
            return try findPast(name, in: view, number, thread)
        case .generated(let number): return try findChild(name, of: number)
        case .root, .node, .view: break
        }
        if place == .root, name == Self.loci {
            return KernelEntry(
                try specialAppearance(.loci, thread.current()),
                nameTimeout: Self.long,
                attributeTimeout: Self.long
            )
        }
        // Staged names first: a birth commits its row before it leaves the overlay.
        if let directory = try number(place, thread.current()),
            let unborn = staging.lookup(name, in: directory)
        {
            return entry(of: unborn, in: place)
        }
        guard let found = try steady({ try findCatalog(name, in: place, thread) }) else {
            return nil
        }
        if let layout = countedLayout(found.layouts, found.directory) {
            try count(layout, name, found.directory, who, thread)
        }
        return found.entry
    }

    private func findCatalog(
        _ name: Name,
        in place: Place,
        _ thread: ThreadReader
    ) throws -> (entry: KernelEntry, layouts: LayoutSet, directory: Directory)? {
        let reader = try thread.current()
        guard let directory = try directory(place, reader) else { return nil }
        let found = try unsafe name.bytes.withUnsafeBytes { bytes in
            unsafe try reader.lookup(
                in: directory.number,
                name: bytes,
                layouts: directory.resolvable
            )
        }
        guard let found else { return nil }
        let entry = try entry(of: found.node, layouts: found.layouts, in: directory)
        // It may have come back from the trash.
        unlinked.remove(found.node.number)
        return (entry, found.layouts, directory)
    }

    /// What a lookup of a catalog node answers.
    func entry(
        of node: Node,
        layouts: LayoutSet,
        in directory: Directory
    ) throws -> KernelEntry {
        let isDirectory = node.mode & S_IFMT == S_IFDIR
        let id = isDirectory ? directory.id(of: node.number) : Place.node(node.number).id
        return KernelEntry(
            try appearance(of: node, id: id),
            nameTimeout: countedLayout(layouts, directory) == nil ? Self.long : Self.counted,
            attributeTimeout: Self.long
        )
    }

    // MARK: Uses of old paths

    /// The layout whose use is counted when a name with these layouts is looked up.
    ///
    /// One that is not listed, where the listed one has not the name, or in its own tree below
    /// `.loci/layouts`, which ends as a whole. Also one that never was listed: it may have readers
    /// all the same, and ends like any other.
    func countedLayout(_ layouts: LayoutSet, _ directory: Directory) -> Layout? {
        guard options.usage, !layouts.contains(.foreign) else { return nil }
        if case .layout(let number) = directory.view {
            guard let layout = directory.table[number], !layout.isListed else { return nil }
            return layout
        }
        guard !layouts.contains(directory.table.listed.bit) else { return nil }
        return directory.table.liveLayouts.last { layouts.contains($0.bit) }
    }

    private func count(
        _ layout: Layout,
        _ name: Name,
        _ directory: Directory,
        _ who: Asker,
        _ thread: ThreadReader
    ) throws {
        var prefix: String
        if directory.table.liveLayouts.contains(where: { $0.root == directory.number }) {
            prefix = name.description
        } else if let known = uses.prefix(of: directory.number) {
            prefix = known
        } else {
            let path = try thread.current().path(ofDirectory: directory.number)?.names ?? []
            prefix = (path.first ?? name).description
            uses.remember(prefix, of: directory.number)
        }
        if case .layout(let number) = directory.view {
            prefix = ".loci/layouts/\(number)/" + prefix
        }
        // Now: who asks waits for the answer, and may be gone a moment later.
        let process = thread.process(of: who.pid)
        uses.note(
            OldPathUseRow.Key(
                layout: layout.number,
                prefix: prefix,
                uid: who.uid,
                process: process.name ?? "?"
            ),
            pid: process.id,
            at: tenant.clock()
        )
    }
}
