/// A point of a tenant's past, as somebody names it.
///
/// Any change is one, so any time is; a snapshot is a change with a name.
public enum PastMoment: Hashable, Sendable, CustomStringConvertible {
    /// Just after a change.
    case change(ChangeNumber)
    /// After the last change up to a time.
    case time(Timestamp)
    /// When a snapshot was taken.
    case snapshot(String)

    /// Reads a change number, what `Timestamp` reads, or else the name of a snapshot.
    ///
    /// A snapshot whose name looks like a number or a time is written `snapshot:NAME`.
    ///
    /// Throws `invalidArgument` for an empty text.
    public init(_ text: String, now: Timestamp) throws(LociError) {
        let prefix = "snapshot:"
        if text.hasPrefix(prefix), text.utf8.count > prefix.utf8.count {
            self = .snapshot(String(text.dropFirst(prefix.count)))
        } else if let number = Int64(text), number >= 0, "\(number)" == text {
            self = .change(ChangeNumber(number))
        } else if let time = try? Timestamp(text, now: now) {
            self = .time(time)
        } else if let first = text.utf8.first, first != ASCII.hyphen {
            self = .snapshot(text)
        } else {
            throw .unreadable(
                text,
                as: "a moment",
                remedy: "Give a time such as 2024-02-29, yesterday or -2h, the number of a change, "
                    + "or the name of a snapshot."
            )
        }
    }

    /// The moment as messages name it.
    public var description: String {
        switch self {
        case .change(let number): "change \(number)"
        case .time(let time): time.description
        case .snapshot(let name): "snapshot \"\(name)\""
        }
    }
}
