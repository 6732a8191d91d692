package import Model
package import SQL

/// An attribute that a mapper gave a memory.
package struct MappedAttribute: Hashable, Sendable {
    /// Row of the memory.
    package var memory: Int64
    package var key: String

    package init(memory: Int64, key: String) {
        self.memory = memory
        self.key = key
    }

    /// The detail of the change with which a mapper gives attributes, for `layout`.
    package static func detail(_ layout: LayoutNumber, mapper: String) -> String {
        // `mappedAttributes` finds it by its beginning.
        JSON.object([
            .init("layout", .integer(Int64(layout.rawValue))),
            .init("mapper", .string(mapper)),
        ]).text()
    }
}

extension CatalogReader {
    /// Attributes that are as a mapper gave them for `layout`, by rising memory row and key above
    /// `after`: whatever somebody changed since is not among them.
    ///
    /// Complexity: reads the attributes of all memories above.
    package func mappedAttributes(
        for layout: LayoutNumber,
        after: MappedAttribute,
        limit: Int
    ) throws(SQLError) -> [MappedAttribute] {
        let beginning = "{\"layout\":\(layout.rawValue),\"mapper\":"
        return try statement(
            """
            SELECT a.memory, a.key FROM attribute a JOIN change c ON c.seq = a.since
            WHERE (a.memory, a.key) > (?1, ?2) AND c.op = 'set'
                AND substr(c.detail, 1, length(?3)) = ?3
            ORDER BY a.memory, a.key LIMIT ?4
            """
        ).all(
            .integer(after.memory),
            .text(after.key),
            .text(beginning),
            .integer(Int64(limit))
        ) { row throws(SQLError) in
            MappedAttribute(memory: row.integer(0), key: row.text(1))
        }
    }
}
