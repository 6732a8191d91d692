import Catalog
import Digest
import Linux
package import Model

/// Hashes files without keeping them in memory.
package enum FileHash {
    /// The SHA-256 of a file's bytes.
    package static func hash(of path: [UInt8]) throws(LociError) -> ContentHash {
        try ContentHash(bytes: try digest(path))
    }

    /// The SHA-256 of bytes that are at hand.
    package static func hash(bytes: [UInt8]) throws(LociError) -> ContentHash {
        try ContentHash(bytes: ContentHasher.hash(bytes))
    }

    private static func digest(_ path: [UInt8]) throws(LociError) -> [UInt8] {
        do throws(Errno) {
            let file = try File.open(path, [.readOnly, .noFollow])
            var hasher = ContentHasher()
            var offset: Int64 = 0
            while true {
                let piece = try file.read(count: 1 << 18, at: offset)
                if piece.isEmpty { return hasher.finalize() }
                hasher.update(piece)
                offset += Int64(piece.count)
            }
        } catch {
            throw LociError(errno: error, subject: String(decoding: path, as: UTF8.self))
        }
    }
}
