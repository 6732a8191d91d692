import Loci

/// Writes a POSIX archive (pax): names of any length and bytes, times to the nanosecond.
///
/// ```
///  pax header (x) | its records | header | content, padded to 512 | … | two blocks of zeros
/// ```
///
/// A pure value: it gives the bytes, the caller writes them.
struct TarWriter {
    enum Kind: UInt8 {
        case file = 0x30
        case link = 0x32
        case directory = 0x35
        case records = 0x78
    }

    struct Entry {
        var path: [UInt8]
        var kind: Kind
        var permissions: UInt32
        var owner: UInt32 = 0
        var group: UInt32 = 0
        /// Bytes.
        var size: Int64 = 0
        /// Nanoseconds since 1970.
        var modified: Int64
        var target: [UInt8] = []
    }

    static let block = 512

    private static let magic = (offset: 257, bytes: Array("ustar".utf8))

    /// Whether bytes are the beginning of an archive.
    static func begins(_ bytes: [UInt8]) -> Bool {
        bytes.dropFirst(magic.offset).starts(with: magic.bytes)
    }

    /// What ends an archive.
    static let end = [UInt8](repeating: 0, count: 2 * block)

    /// The zeros after a content of so many bytes.
    static func padding(_ size: Int64) -> [UInt8] {
        [UInt8](repeating: 0, count: Int((Int64(block) - size % Int64(block)) % Int64(block)))
    }

    /// All that comes before the content of an entry.
    static func head(_ entry: Entry) -> [UInt8] {
        let records = paxRecords(entry)
        guard !records.isEmpty else { return header(entry) }
        var pax = Entry(
            path: Array("PaxHeaders/".utf8) + entry.path.suffix(80),
            kind: .records,
            permissions: 0o644,
            modified: entry.modified
        )
        pax.size = Int64(records.count)
        return header(pax) + records + padding(pax.size) + header(entry)
    }

    private static func header(_ entry: Entry) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: block)
        func put(_ bytes: some Collection<UInt8>, at offset: Int, room: Int) {
            for (index, byte) in bytes.prefix(room).enumerated() { header[offset + index] = byte }
        }
        func octal(_ value: Int64, at offset: Int, digits: Int) {
            let text = String(max(0, value), radix: 8)
            let zeros = String(repeating: "0", count: max(0, digits - text.utf8.count))
            put((zeros + text).utf8.suffix(digits), at: offset, room: digits)
        }
        put(entry.path, at: 0, room: 100)
        octal(Int64(entry.permissions & 0o7777), at: 100, digits: 7)
        octal(Int64(entry.owner), at: 108, digits: 7)
        octal(Int64(entry.group), at: 116, digits: 7)
        octal(entry.size, at: 124, digits: 11)
        octal(Timestamp(nanoseconds: entry.modified).seconds, at: 136, digits: 11)
        put([UInt8](repeating: 0x20, count: 8), at: 148, room: 8)
        header[156] = entry.kind.rawValue
        put(entry.target, at: 157, room: 100)
        put(magic.bytes + Array("\u{0}00".utf8), at: magic.offset, room: 8)
        octal(header.reduce(0) { $0 + Int64($1) }, at: 148, digits: 6)
        header[154] = 0
        return header
    }

    /// What does not fit into a header.
    private static func paxRecords(_ entry: Entry) -> [UInt8] {
        var records: [UInt8] = []
        if entry.path.count > 100 { records += record("path", entry.path) }
        if entry.target.count > 100 { records += record("linkpath", entry.target) }
        if entry.size >= 1 << 33 { records += record("size", Array("\(entry.size)".utf8)) }
        for (key, id) in [("uid", entry.owner), ("gid", entry.group)] where id >= 1 << 21 {
            records += record(key, Array("\(id)".utf8))
        }
        let modified = Timestamp(nanoseconds: entry.modified)
        let (whole, rest) = (modified.seconds, modified.subsecondNanoseconds)
        if rest != 0 || whole < 0 || whole >= 1 << 33 {
            records += record("mtime", decimal(whole, rest))
        }
        return records
    }

    private static func decimal(_ seconds: Int64, _ nanoseconds: Int64) -> [UInt8] {
        // Seconds are rounded down, and pax counts away from zero.
        let isNegative = seconds < 0 && nanoseconds > 0
        let whole = isNegative ? seconds + 1 : seconds
        let rest = isNegative ? 1_000_000_000 - nanoseconds : nanoseconds
        let digits = String(rest)
        let zeros = String(repeating: "0", count: 9 - digits.utf8.count)
        return Array("\(isNegative && whole == 0 ? "-" : "")\(whole).\(zeros)\(digits)".utf8)
    }

    /// `length key=value\n`, the length counting itself.
    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let body = Array(" \(key)=".utf8) + value + [0x0A]
        var length = body.count + 1
        while "\(length)".utf8.count + body.count != length {
            length = "\(length)".utf8.count + body.count
        }
        return Array("\(length)".utf8) + body
    }
}
