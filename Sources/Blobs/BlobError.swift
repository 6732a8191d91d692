package import Linux

/// Why a blob could not be kept or read.
package enum BlobError: Error, Hashable, Sendable {
    /// No blob has the key.
    ///
    /// For a link: none has the old key.
    case notFound(BlobKey)
    /// The text is no key, and why.
    case invalidKey(String, String)
    /// Other bytes are kept under the key, and they were left alone.
    case occupied(BlobKey)
    /// A copy did not read back as it was written.
    ///
    /// It was removed.
    case corruptCopy(BlobKey)
    /// The store is full, or a quota is used up; nothing is under the key.
    case noSpace(BlobKey?)
    /// A system call failed otherwise; the key is nil where it concerned the whole store.
    case failed(Errno, BlobKey?)

    init(_ number: Errno, _ key: BlobKey?) {
        switch (number, key) {
        case (.noSuchFile, let key?): self = .notFound(key)
        case (.noSpace, _), (.quotaExceeded, _): self = .noSpace(key)
        default: self = .failed(number, key)
        }
    }
}

extension BlobError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notFound(let key): "no blob is kept under '\(key)'"
        case .invalidKey(let text, let reason): "'\(text)' is no blob key: \(reason)"
        case .occupied(let key): "other bytes are already kept under '\(key)'"
        case .corruptCopy(let key): "the copy at '\(key)' did not read back as it was written"
        case .noSpace(let key): "there is no space left for blob\(Self.named(key))"
        case .failed(let number, let key): "\(number), at blob\(Self.named(key))"
        }
    }

    private static func named(_ key: BlobKey?) -> String {
        key.map { " '\($0)'" } ?? "s"
    }
}

/// Turns what a system call throws into what a store throws.
func naming<Result: ~Copyable>(
    _ key: BlobKey?,
    _ body: () throws(Errno) -> Result
) throws(BlobError) -> Result {
    do throws(Errno) {
        return try body()
    } catch {
        throw BlobError(error, key)
    }
}
