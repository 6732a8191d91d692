import Model

/// What a change made of a memory: of each side only what differs from the other.
struct ChangeEffect {
    struct Side {
        var name: Name?
        var attributes: [(key: String, value: String)] = []
        var revision: RevisionNumber?
        var hash: ContentHash?
        var isTrashed: Bool?

        fileprivate var isEmpty: Bool {
            name == nil && attributes.isEmpty && revision == nil && hash == nil && isTrashed == nil
        }

        fileprivate func write(to text: inout JSONObjectText) {
            if let name { text.add("name", name: name) }
            if !attributes.isEmpty {
                text.add("attributes") { text in
                    for (key, value) in attributes { text.add(key, value) }
                }
            }
            if let revision { text.add("revision", integer: Int64(revision.rawValue)) }
            if let hash { text.add("sha256", hash.description) }
            if let isTrashed { text.add("trashed", .bool(isTrashed)) }
        }
    }

    var before = Side()
    var after = Side()

    /// As the log keeps it, JSON; nil where nothing is known of either side.
    ///
    /// Written without values in between: a batch has thousands of them.
    var text: String? {
        if before.isEmpty, after.isEmpty { return nil }
        var text = JSONObjectText()
        if !before.isEmpty { text.add("before") { before.write(to: &$0) } }
        if !after.isEmpty { text.add("after") { after.write(to: &$0) } }
        return text.text()
    }
}
