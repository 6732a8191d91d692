/// Where the bytes of one revision are kept: a relative path of a tenant's data.
///
/// Invariant: valid UTF-8 without NUL, of 1 to `maximumLength` bytes; segments of 1 to
/// `maximumSegmentLength` bytes between single slashes, none of them `.` or `..`. So no key leads
/// out of the place that it is used in. Keys are equal when their bytes are: `String ==` takes
/// two normal forms of one text for equal, a file system does not.
package struct BlobKey: Hashable, Sendable {
    package static let maximumLength = 3800
    package static let maximumSegmentLength = 255

    package let bytes: [UInt8]

    /// Takes a path as it is; throws `invalidKey` where it is not one.
    package init(_ text: String) throws(BlobError) {
        try self.init(bytes: Array(text.utf8))
    }

    package init(bytes: [UInt8]) throws(BlobError) {
        if let reason = Self.defect(of: bytes) {
            throw .invalidKey(String(decoding: bytes, as: UTF8.self), reason)
        }
        self.bytes = bytes
    }

    /// The key of a revision: `<partition>/<id>.<revision>.<extension>`.
    ///
    /// Of a partition too deep for a key only the first directories are used: the id alone makes
    /// the key unique, the partition is there for people. Of an extension only ASCII letters
    /// and digits are kept, 16 at most; an empty one becomes `bin`.
    package init(
        partition: [[UInt8]],
        id: String,
        revision: Int,
        extension suffix: String
    ) throws(BlobError) {
        let letters = suffix.utf8.filter(Self.isLetterOrDigit).prefix(16)
        var name = Array("\(id).\(revision).".utf8)
        name += letters.isEmpty ? Array("bin".utf8) : Array(letters)
        var path: [UInt8] = []
        for directory in partition {
            if path.count + directory.count + 1 + name.count > Self.maximumLength { break }
            path += directory
            path.append(Self.slash)
        }
        try self.init(bytes: path + name)
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The path of the directory, empty at the top.
    package var directory: [UInt8] {
        guard let last = bytes.lastIndex(of: Self.slash) else { return [] }
        return Array(bytes[..<last])
    }

    package var lastComponent: [UInt8] {
        guard let last = bytes.lastIndex(of: Self.slash) else { return bytes }
        return Array(bytes[(last + 1)...])
    }

    static let slash = UInt8(ascii: "/")

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }

    private static func defect(of bytes: [UInt8]) -> String? {
        if bytes.count > maximumLength { return "it is longer than \(maximumLength) bytes" }
        if bytes.contains(0) { return "it contains a NUL" }
        if String(validating: bytes, as: UTF8.self) == nil { return "it is not UTF-8" }
        var start = 0
        while true {
            let end = bytes[start...].firstIndex(of: slash) ?? bytes.count
            let length = end - start
            if length == 0 { return "it has an empty segment" }
            if length <= 2, bytes[start..<end].allSatisfy({ $0 == UInt8(ascii: ".") }) {
                return "it has a segment '.' or '..'"
            }
            if length > maximumSegmentLength {
                return "it has a segment of more than \(maximumSegmentLength) bytes"
            }
            if end == bytes.count { return nil }
            start = end + 1
        }
    }
}

extension BlobKey: CustomStringConvertible {
    package var description: String { text }
}
