import Catalog
package import FUSE
import Glibc
import Model

// `-o xattr`: a memory's attributes as `user.loci.<key>`, read only. Off by default: it costs two
// requests a file in `ls -l`.
extension LociFileSystem {
    private static let prefix = "user.loci."

    private func attributes(
        of node: NodeID,
        _ thread: ThreadReader
    ) throws -> [(key: String, value: String)] {
        guard case .node(let number) = Place(node),
            let row = try thread.current().node(number)?.memory,
            let memory = try thread.current().memory(row: row)
        else { return [] }
        let own = try thread.current().attributes(of: row)
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { (Self.prefix + $0.key, $0.value) }
        return [
            (Self.prefix + "id", memory.id.description),
            (Self.prefix + "revision", memory.revision.description),
        ] + own
    }

    package func getxattr(
        _ request: consuming Request,
        node: NodeID,
        name: RawSpan,
        room: Int
    ) {
        let attempt = Attempt(request, node)
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            let name = unsafe name.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
            guard name.hasPrefix(Self.prefix),
                let found = try attributes(of: node, thread).last(where: { $0.key == name })
            else { return request.fail(ENODATA) }
            let value = Array(found.value.utf8)
            request.reply(attribute: value, room: room)
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    package func listxattr(_ request: consuming Request, node: NodeID, room: Int) {
        let attempt = Attempt(request, node)
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            var names: [UInt8] = []
            for (key, _) in try attributes(of: node, thread) {
                names += key.utf8
                names.append(0)
            }
            request.reply(attribute: names, room: room)
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    package func setxattr(
        _ request: consuming Request,
        node: NodeID,
        name: RawSpan,
        value: RawSpan,
        flags: Int32
    ) {
        request.fail(EPERM)
    }

    package func removexattr(_ request: consuming Request, node: NodeID, name: RawSpan) {
        request.fail(EPERM)
    }
}
