package import Model

extension Change {
    /// What is told of a change where JSON is wanted.
    package var json: JSON {
        let effect = effect.flatMap { try? JSON(parsing: $0) }
        return [
            "seq": .integer(number.rawValue),
            "time": .string(time.description),
            "op": .string(operation?.rawValue ?? "unknown"),
            "actor": .string(origin.actor),
            "uid": .integer(Int64(origin.uid)),
            "pid": origin.pid.map { .integer(Int64($0)) } ?? .null,
            "process": origin.process.map { .string($0) } ?? .null,
            "reason": origin.reason.map { .string($0) } ?? .null,
            "id": memory.map { .string($0.description) } ?? .null,
            "before": effect?["before"] ?? .null,
            "after": effect?["after"] ?? .null,
            "purged": .bool(isForgotten),
            "detail": detail.flatMap { try? JSON(parsing: $0) } ?? .null,
        ]
    }

    /// The same, with where it happened.
    package func json(path: NamePath?) -> JSON {
        guard case .object(var members) = json else { return .null }
        members.append(.init("path", path.map { JSON(path: $0) } ?? .null))
        return .object(members)
    }

    /// One line of a feed: first where it goes on.
    package func event(path: NamePath?) -> JSON {
        guard case .object(let members) = json(path: path) else { return .null }
        return .object([.init("cursor", .integer(number.rawValue))] + members)
    }
}
