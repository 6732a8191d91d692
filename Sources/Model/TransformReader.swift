/// Reads what follows the colon in `{created:year}`, `{user:lower}`, `{topic:first(1)}` and
/// `{id:hash(64)}`.
struct TransformReader {
    let field: String
    let transform: String?

    /// What is wrong, and what to write instead.
    struct Stumble: Error {
        let what: String
        let remedy: String
    }

    /// A hash spreads over at most so many directories: more than that in one directory is slow to
    /// list.
    static let maximumBuckets = 65_536
    static let maximumFirst = 255

    func read() -> Result<Scheme.Field, Stumble> {
        switch field {
        case "created": created()
        case "id": id()
        default: attribute()
        }
    }

    private func created() -> Result<Scheme.Field, Stumble> {
        switch transform {
        case nil: .success(.created(.whole))
        case "year": .success(.created(.year))
        case "month": .success(.created(.month))
        case "day": .success(.created(.day))
        case let other?: .failure(unknown(other, known: ["year", "month", "day"]))
        }
    }

    private func id() -> Result<Scheme.Field, Stumble> {
        guard let transform else { return .success(.id(buckets: nil)) }
        guard let argument = argument(of: "hash", in: transform) else {
            return .failure(unknown(transform, known: ["hash(64)"]))
        }
        guard let count = argument, (2...Self.maximumBuckets).contains(count) else {
            return .failure(
                Stumble(
                    what: "'\(transform)' names no number of directories",
                    remedy: "Write hash(n) with n from 2 to \(Self.maximumBuckets)."
                )
            )
        }
        return .success(.id(buckets: count))
    }

    private func attribute() -> Result<Scheme.Field, Stumble> {
        guard let transform else { return .success(.attribute(field, .whole)) }
        if transform == "lower" { return .success(.attribute(field, .lower)) }
        guard let argument = argument(of: "first", in: transform) else {
            return .failure(unknown(transform, known: ["lower", "first(1)"]))
        }
        guard let count = argument, (1...Self.maximumFirst).contains(count) else {
            return .failure(
                Stumble(
                    what: "'\(transform)' names no number of characters",
                    remedy: "Write first(n) with n from 1 to \(Self.maximumFirst)."
                )
            )
        }
        return .success(.attribute(field, .first(count)))
    }

    /// The canonical number in `word(number)`; nil for another word, nil inside for what is no
    /// number.
    private func argument(of word: String, in text: String) -> Int?? {
        guard text.hasPrefix(word + "("), text.hasSuffix(")") else { return nil }
        let digits = text.dropFirst(word.count + 1).dropLast()
        guard let number = Int(digits), String(number) == digits else { return .some(nil) }
        return number
    }

    /// Says whose transform it is, or which one is near.
    private func unknown(_ transform: String, known: [String]) -> Stumble {
        let owners = [
            "year": "created", "month": "created", "day": "created", "hash": "id",
            "lower": "an attribute", "first": "an attribute",
        ]
        let word = transform.prefix { $0 != "(" }
        if let owner = owners[String(word)], !known.contains(where: { $0.hasPrefix(word) }) {
            let near = NearMiss.nearest(to: field, in: [owner]).map { " Did you mean '\($0)'?" }
            return Stumble(
                what: "':\(word)' is a transform of \(owner), not of '\(field)'",
                remedy: "Use \(list(known)) with '\(field)', or none." + (near ?? "")
            )
        }
        let near = NearMiss.nearest(to: transform, in: known).map { " Did you mean '\($0)'?" }
        return Stumble(
            what: "':\(Name.printable(Array(transform.utf8)))' is no transform of '\(field)'",
            remedy: "Use \(list(known)), or none." + (near ?? "")
        )
    }

    private func list(_ known: [String]) -> String {
        known.map { ":" + $0 }.joined(separator: ", ")
    }
}
