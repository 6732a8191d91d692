import Digest
import Model
import SQL

/// A row of the change log as it is kept, with what binds it to the row before it.
///
/// ```
///  sealed = SHA-256(salt, reason, detail, effect)          what may tell of people's text
///  hash   = SHA-256(hash of the row before, all other columns, sealed)
/// ```
///
/// So a purge can forget the text and the salt, keep `sealed`, and no hash changes: the row still
/// says who did what and when, and whoever guesses at the text has nothing to compare a guess with.
struct LoggedChange {
    var number: Int64
    /// Nanoseconds since 1970.
    var time: Int64
    var session: String
    var actor: String
    var uid: Int64?
    var pid: Int64?
    var process: String?
    var reason: String?
    var operation: String
    var memory: Int64?
    var directory: Int64?
    /// JSON.
    var detail: String?
    /// The kernel's number of the request that asked for it.
    var request: Int64?
    /// What was before and what is after, as JSON.
    var effect: String?

    /// The bytes of each salt.
    static let saltLength = 16

    /// Where a log begins: no change, and a hash of zeros.
    static let origin = LogMark(number: 0, hash: [UInt8](repeating: 0, count: 32))

    /// What stands for the row's text in its hash.
    func sealed(salt: [UInt8], _ hasher: inout ContentHasher) -> [UInt8] {
        Self.sealed(salt: salt, reason: reason, detail: detail, effect: effect, &hasher)
    }

    static func sealed(
        salt: [UInt8],
        reason: String?,
        detail: String?,
        effect: String?,
        _ hasher: inout ContentHasher
    ) -> [UInt8] {
        var bytes = salt
        bytes.append(field: reason)
        bytes.append(field: detail)
        bytes.append(field: effect)
        hasher.update(bytes)
        return hasher.take()
    }

    /// The hash of the row that follows one whose hash is `previous`.
    func hash(
        after previous: [UInt8],
        sealed: [UInt8],
        _ hasher: inout ContentHasher
    ) -> [UInt8] {
        var bytes = previous
        bytes.reserveCapacity(320)
        bytes.append(field: number)
        bytes.append(field: time)
        bytes.append(field: session)
        bytes.append(field: actor)
        bytes.append(field: uid)
        bytes.append(field: pid)
        bytes.append(field: process)
        bytes.append(field: operation)
        bytes.append(field: memory)
        bytes.append(field: directory)
        bytes.append(field: request)
        bytes += sealed
        hasher.update(bytes)
        return hasher.take()
    }
}

/// A place in the change log: a row's number and its hash.
package struct LogMark: Hashable, Sendable {
    package var number: Int64
    package var hash: [UInt8]

    package init(number: Int64, hash: [UInt8]) {
        self.number = number
        self.hash = hash
    }

    /// As a setting has it: eight bytes of number, the lowest first, and the hash.
    init?(setting bytes: [UInt8]) {
        guard bytes.count == 40 else { return nil }
        number = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int64($1) }
        hash = Array(bytes.dropFirst(8))
    }

    var setting: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(integer: number)
        return bytes + hash
    }
}

// Each field says whether it is there and how long it is, so that no two rows have the same bytes.
extension [UInt8] {
    fileprivate mutating func append(integer value: Int64) {
        var rest = UInt64(bitPattern: value)
        for _ in 0..<8 {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    fileprivate mutating func append(field value: Int64?) {
        append(value == nil ? 0 : 1)
        if let value { append(integer: value) }
    }

    fileprivate mutating func append(field text: String?) {
        append(text == nil ? 0 : 1)
        guard let text else { return }
        append(integer: Int64(text.utf8.count))
        append(contentsOf: text.utf8)
    }
}
