import Model

/// What a change made of a memory: of each side only what differs from the other.
struct ChangeEffect {
    struct Side {
        var name: Name?
        var attributes: [JSON.Member] = []
        var revision: RevisionNumber?
        var hash: ContentHash?
        var isTrashed: Bool?

        fileprivate var json: JSON? {
            var members: [JSON.Member] = []
            if let name { members.append(.init("name", JSON(name: name))) }
            if !attributes.isEmpty { members.append(.init("attributes", .object(attributes))) }
            if let revision {
                members.append(.init("revision", .integer(Int64(revision.rawValue))))
            }
            if let hash { members.append(.init("sha256", .string(hash.description))) }
            if let isTrashed { members.append(.init("trashed", .bool(isTrashed))) }
            return members.isEmpty ? nil : .object(members)
        }
    }

    var before = Side()
    var after = Side()

    /// As the log keeps it; nil where nothing is known of either side.
    var text: String? {
        let sides = [("before", before.json), ("after", after.json)].compactMap { key, json in
            json.map { JSON.Member(key, $0) }
        }
        return sides.isEmpty ? nil : JSON.object(sides).text()
    }
}
