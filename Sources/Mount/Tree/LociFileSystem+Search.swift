import Catalog
import FUSE
import Glibc
import Linux
import Loci
import Model

// `.loci/search/<query>/`: what matches, the best first, as relative symbolic links and as the file
// `results` with lines of `path:line:text`. By lookup only: the directory above lists nothing, so no
// walk ever asks a query.
extension LociFileSystem {
    /// The answer to a query, as a directory that never changes.
    ///
    /// Throws `invalidArgument` where the name is no query.
    func findSearch(
        _ name: Name,
        _ who: Asker,
        _ thread: ThreadReader
    ) throws -> KernelEntry? {
        // Tools look for their dot files everywhere; no query begins so.
        guard name.bytes.first != ASCII.dot, name != Self.results else { return nil }
        let text = try queryText(name)
        let query = try SearchQuery(text)
        Request.passTurn()
        // Who reads and writes files finds a thread, whatever is searched for.
        guard searches.begin(limit: max(1, settings.threads / 2)) else {
            throw LociError(
                .busy,
                subject: text,
                message: "Too many searches are being answered in this mount",
                remedy: "Try again in a moment"
            )
        }
        defer { searches.end() }
        tenant.indexWaitingForRequest()
        let reader = try thread.current()
        let key = SearchDirectories.Key(
            query: name.bytes,
            asker: Reader(uid: who.uid, groups: RunningProcess(id: who.pid).groups),
            change: try reader.lastChange()
        )
        if let number = searches.find(key), let content = generated.content(of: number) {
            return searchEntry(number, content)
        }
        let (children, isWhole) = try searchChildren(query, key.asker, reader)
        let content = GeneratedNodes.Content(
            bytes: [],
            mode: S_IFDIR | 0o500,
            uid: who.uid,
            gid: settings.gid,
            mtime: tenant.clock().nanoseconds,
            children: children
        )
        let number = generated.add(content)
        // Else the next one may find more, with no change in between.
        if isWhole, let old = searches.add(number, key) { generated.drop(old) }
        return searchEntry(number, content)
    }

    private static let results = Name(unchecked: Array("results".utf8))

    private func queryText(_ name: Name) throws -> String {
        if let text = name.utf8String { return text }
        throw LociError(
            .invalidArgument,
            subject: name.description,
            message: "The query is not UTF-8",
            remedy: "Write it as UTF-8"
        )
    }

    private func searchEntry(
        _ number: UInt64,
        _ content: GeneratedNodes.Content
    ) -> KernelEntry {
        KernelEntry(
            generated.appearance(of: number, content),
            nameTimeout: .none,
            attributeTimeout: Self.long
        )
    }

    /// The links, numbered by rank, and the lines; where a batch still waits to be indexed, `waiting`
    /// says of how many.
    private func searchChildren(
        _ query: SearchQuery,
        _ asker: Reader,
        _ reader: CatalogReader
    ) throws -> (children: [GeneratedNodes.Child], isWhole: Bool) {
        let layout = mainLayout(try reader.layouts())
        let prefix = settings.subdirectoryPath
        var request = SearchRequest(query, limit: SearchDirectories.hits)
        request.node = settings.subdirectory
        let page = try tenant.search(request, reader) { memory in
            guard let node = try reader.node(memory.node) else { return false }
            let shown = try self.appearance(of: node, id: Place.node(node.number).id)
            return asker.mayRead(mode: shown.mode, uid: shown.uid, gid: shown.gid)
        }
        var children: [GeneratedNodes.Child] = []
        var lines: [UInt8] = []
        for hit in page.hits {
            guard let memory = try reader.memory(row: hit.memory.row),
                let path = try reader.path(of: memory, in: layout), path.starts(with: prefix),
                let last = path.last
            else { continue }
            let shown = NamePath(Array(path.dropFirst(prefix.count))).bytes
            children.append(
                GeneratedNodes.Child(
                    name: Self.ranked(children.count + 1, last),
                    bytes: Array("../../../".utf8) + shown,
                    mode: S_IFLNK | 0o777
                )
            )
            lines += shown + Array(":\(hit.excerpt.line):\(hit.excerpt.text)\n".utf8)
        }
        let file = GeneratedNodes.Child(name: Self.results, bytes: lines, mode: S_IFREG | 0o400)
        guard page.waiting > 0 else { return ([file] + children, true) }
        let waiting = GeneratedNodes.Child(
            name: Name(unchecked: Array("waiting".utf8)),
            bytes: Array("\(page.waiting)\n".utf8),
            mode: S_IFREG | 0o400
        )
        return ([file, waiting] + children, false)
    }

    /// `01-oauth.md`: what sorts by name sorts by rank.
    private static func ranked(_ rank: Int, _ name: Name) -> Name {
        let number = Array((rank < 10 ? "0\(rank)-" : "\(rank)-").utf8)
        return Name(unchecked: number + name.bytes.prefix(Name.maximumLength - number.count))
    }

    // MARK: In the directory

    func findChild(_ name: Name, of number: UInt64) throws -> KernelEntry? {
        guard let content = generated.content(of: number) else { throw Self.staleNode }
        guard let child = content.children.first(where: { $0.name == name }) else { return nil }
        return make(child.bytes, mode: child.mode, uid: content.uid)
    }

    func listChildren(
        of number: UInt64,
        after: ListingPosition,
        into listing: inout DirectoryBuffer
    ) throws {
        guard let content = generated.content(of: number) else { throw Self.staleNode }
        for (index, child) in content.children.enumerated().dropFirst(Int(after.rawValue)) {
            let position = ListingPosition(rawValue: UInt64(index + 1))
            let cookie = ListingCursor.after(slot: 0, position).cookie
            // Their nodes are made when they are looked up.
            let unknown = Place.special(.search).id
            guard listing.add(child.name.bytes, unknown, mode: child.mode, cookie: cookie) else {
                return
            }
        }
    }
}
