package import Model
package import SQL

// What happens to memories, each with its row in the change log. None of these touches a blob: the
// caller has made the bytes durable before a row names them.

/// Content that stands durable under its key and wants a row.
package struct PlacedContent: Hashable, Sendable {
    package var blobKey: String
    /// Bytes.
    package var size: Int64
    package var hash: ContentHash
    /// The layout under whose path it was placed; nil where the path has changed since.
    package var layout: LayoutNumber?
    /// The bytes, where they are at hand: who indexes them need not read them again.
    package var bytes: [UInt8]?

    package init(
        blobKey: String,
        size: Int64,
        hash: ContentHash,
        layout: LayoutNumber?,
        bytes: [UInt8]? = nil
    ) {
        self.blobKey = blobKey
        self.size = size
        self.hash = hash
        self.layout = layout
        self.bytes = bytes
    }
}

/// How a memory's node looks to the kernel.
package struct NodeAppearance: Hashable, Sendable {
    /// nil: a new number is drawn.
    package var number: NodeNumber?
    /// Permissions only.
    package var permissions: UInt32
    package var uid: UInt32
    package var gid: UInt32
    /// Nanoseconds since 1970.
    package var mtime: Int64
    /// Nanoseconds since 1970; nil: the time of the transaction.
    package var ctime: Int64?

    package init(
        number: NodeNumber? = nil,
        permissions: UInt32,
        uid: UInt32,
        gid: UInt32,
        mtime: Int64,
        ctime: Int64? = nil
    ) {
        self.number = number
        self.permissions = permissions
        self.uid = uid
        self.gid = gid
        self.mtime = mtime
        self.ctime = ctime
    }
}

extension CatalogTransaction {
    /// Adds a memory with its first revision, in every served layout.
    ///
    /// `primary`: the layout by which the caller named it: a taken name there is
    /// `nameTaken`, in any other the memory gets a suffix.
    /// `isTrashed`: adds it to the trash: without any name.
    package func addMemory(
        _ fields: MemoryFields,
        name: Name,
        content: PlacedContent,
        appearance: NodeAppearance,
        primary: LayoutNumber,
        operation: Operation = .add,
        isTrashed: Bool = false
    ) throws -> MemoryRow {
        let row = try nextMemoryRow()
        let since = try record(operation, memory: row)
        let node = Node(
            number: appearance.number ?? newNodeNumber(),
            kind: .memory,
            memory: row,
            size: content.size,
            mode: 0o100000 | appearance.permissions,
            uid: appearance.uid,
            gid: appearance.gid,
            mtime: appearance.mtime,
            ctime: appearance.ctime ?? now.nanoseconds
        )
        try insert(node)
        let memory = MemoryRow(
            row: row,
            id: fields.id,
            name: name,
            node: node.number,
            created: fields.created,
            updated: now,
            revision: RevisionNumber(1),
            trashed: isTrashed ? since : nil,
            since: since
        )
        try reader.statement(
            """
            INSERT INTO memory(id, ulid, name, node, created, updated, revision, trashed, since)
            VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?)
            """
        ).run { (values) throws(SQLError) in
            try values.add(row)
            try values.add(fields.id.bytes)
            try values.add(name.bytes)
            try values.add(Int64(node.number.rawValue))
            try values.add(fields.created.nanoseconds)
            try values.add(now.nanoseconds)
            try values.add(memory.trashed?.rawValue)
            try values.add(since.rawValue)
        }
        for (key, value) in fields.attributes {
            try insertAttribute(row, key, value, since: since)
        }
        log.explain(since, memory: row) { effect in
            effect.after.name = name
            effect.after.attributes = Array(fields.attributes)
            if isTrashed { effect.after.isTrashed = true }
        }
        try insertRevision(
            row,
            RevisionNumber(1),
            content,
            mtime: appearance.mtime,
            since: since
        )
        newTexts.append(NewText(row, RevisionNumber(1), content))
        if !isTrashed { try place(memory, fields, primary: primary, since: since) }
        return memory
    }

    private func nextMemoryRow() throws(SQLError) -> Int64 {
        if let last = lastMemoryRow {
            lastMemoryRow = last + 1
            return last + 1
        }
        // Rows are deleted by a purge only, which notes their numbers: none is used twice.
        let row =
            1
            + (try reader.statement(
                """
                SELECT max(coalesce((SELECT max(id) FROM memory), 0),
                           coalesce((SELECT max(memory) FROM purged), 0))
                """
            ).first { row throws(SQLError) in row.integer(0) } ?? 0)
        lastMemoryRow = row
        return row
    }

    /// Adds a revision and makes it the current one.
    ///
    /// `ctime`: when the bytes were written, where that was before the transaction.
    package func addRevision(
        _ memory: MemoryRow,
        content: PlacedContent,
        mtime: Int64,
        ctime: Int64? = nil,
        operation: Operation = .edit,
        detail: String? = nil
    ) throws -> MemoryRow {
        let since = try record(operation, memory: memory.row, detail: detail)
        var memory = memory
        log.explain(since, memory: memory.row) { $0.before.revision = memory.revision }
        memory.revision = try reader.nextRevisionNumber(of: memory.row)
        memory.updated = now
        try insertRevision(memory.row, memory.revision, content, mtime: mtime, since: since)
        newTexts.append(NewText(memory.row, memory.revision, content))
        try run(
            "UPDATE memory SET revision = ?, updated = ? WHERE id = ?",
            .integer(Int64(memory.revision.rawValue)),
            .integer(now.nanoseconds),
            .integer(memory.row)
        )
        try run(
            "UPDATE node SET size = ?, mtime = ? WHERE number = ?",
            .integer(content.size),
            .integer(mtime),
            .integer(Int64(memory.node.rawValue))
        )
        try noteChanged(memory.node, at: ctime)
        return memory
    }

    /// Keeps content as a revision that is not the current one: the other of two writers, or bytes
    /// written to a node that lost its name.
    ///
    /// Recorded as a conflict.
    package func keepBeside(_ memory: MemoryRow, content: PlacedContent) throws {
        let since = try record(.conflict, memory: memory.row)
        let number = try reader.nextRevisionNumber(of: memory.row)
        try insertRevision(
            memory.row,
            number,
            content,
            mtime: now.nanoseconds,
            since: since
        )
        try run(
            "UPDATE revision SET beside = 1 WHERE memory = ? AND number = ?",
            .integer(memory.row),
            .integer(Int64(number.rawValue))
        )
    }

    func insertRevision(
        _ memory: Int64,
        _ number: RevisionNumber,
        _ content: PlacedContent,
        mtime: Int64,
        since: ChangeNumber
    ) throws(SQLError) {
        try reader.statement(
            """
            INSERT INTO revision(memory, number, size, sha256, created, actor, blob_key, layout,
                                 since, mtime)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ).run { (values) throws(SQLError) in
            try values.add(memory)
            try values.add(Int64(number.rawValue))
            try values.add(content.size)
            try values.add(content.hash.bytes)
            try values.add(now.nanoseconds)
            try values.add(origin.actor)
            try values.add(content.blobKey)
            try values.add(content.layout.map { Int64($0.rawValue) })
            try values.add(since.rawValue)
            try values.add(mtime)
        }
        log.explain(since, memory: memory) { effect in
            effect.after.revision = number
            effect.after.hash = content.hash
        }
        // A key that a row names is nobody's to collect.
        try run("DELETE FROM collectable WHERE blob_key = ?", .text(content.blobKey))
    }

    // MARK: Attributes and names

    private func insertAttribute(
        _ memory: Int64,
        _ key: String,
        _ value: String,
        since: ChangeNumber
    ) throws(SQLError) {
        try reader.statement(
            "INSERT INTO attribute(memory, key, value, since) VALUES (?, ?, ?, ?)"
        ).run { (values) throws(SQLError) in
            try values.add(memory)
            try values.add(key)
            try values.add(value)
            try values.add(since.rawValue)
        }
    }

    /// Writes the attributes that differ; nil removes one.
    package func writeAttributes(
        _ memory: Int64,
        _ changes: [AttributeChange],
        since: ChangeNumber
    ) throws(SQLError) {
        for change in changes {
            let key = change.key
            try explain(change, of: memory, since)
            try run(
                """
                INSERT INTO attribute_past(memory, key, value, since, until)
                SELECT memory, key, value, since, ? FROM attribute WHERE memory = ? AND key = ?
                """,
                .integer(since.rawValue),
                .integer(memory),
                .text(key)
            )
            try run(
                "DELETE FROM attribute WHERE memory = ? AND key = ?",
                .integer(memory),
                .text(key)
            )
            if let value = change.value {
                try insertAttribute(memory, key, value, since: since)
            }
        }
    }

    /// Notes the value that an attribute has and the one that it gets.
    private func explain(
        _ change: AttributeChange,
        of memory: Int64,
        _ since: ChangeNumber
    ) throws(SQLError) {
        let old = try reader.statement("SELECT value FROM attribute WHERE memory = ? AND key = ?")
            .first(.integer(memory), .text(change.key)) { row throws(SQLError) in row.text(0) }
        log.explain(since, memory: memory) { effect in
            if let old { effect.before.attributes.append((change.key, old)) }
            guard let value = change.value else { return }
            effect.after.attributes.append((change.key, value))
        }
    }

    /// Gives a memory other attributes, another name, or both: every served layout follows.
    ///
    /// `changes`: values to set; nil removes one.
    /// `name`: what it is called from now on, in `primary` without a suffix; nil: as before.
    /// `primary`: as for `addMemory`.
    package func change(
        _ memory: MemoryRow,
        attributes changes: [AttributeChange] = [],
        name: Name? = nil,
        primary: LayoutNumber,
        operation: Operation,
        detail: String? = nil
    ) throws -> MemoryRow {
        let before = try reader.fields(of: memory)
        var after = before
        for change in changes { after.attributes[change.key] = change.value }
        let since = try record(operation, memory: memory.row, detail: detail)
        let different = changes.filter { $0.differs(from: before) }
        try writeAttributes(memory.row, different, since: since)
        var renamed = memory
        if let name, name != memory.name {
            try recordPast(memory, until: since)
            log.explain(since, memory: memory.row) { effect in
                effect.before.name = memory.name
                effect.after.name = name
            }
            renamed.name = name
            renamed.since = since
            try run(
                "UPDATE memory SET name = ?, since = ? WHERE id = ?",
                .blob(name.bytes),
                .integer(since.rawValue),
                .integer(memory.row)
            )
        }
        try noteChanged(memory.node)
        if memory.trashed == nil {
            try replace(
                memory,
                before,
                by: renamed,
                after,
                primary: primary,
                renamed: name == nil ? nil : primary,
                since: since
            )
        } else {
            try misplaceBlobs(of: memory.row, before, after)
        }
        return renamed
    }

    func recordPast(_ memory: MemoryRow, until: ChangeNumber) throws(SQLError) {
        try run(
            """
            INSERT INTO memory_past(memory, name, trashed, since, until) VALUES (?, ?, ?, ?, ?)
            """,
            .integer(memory.row),
            .blob(memory.name.bytes),
            SQLValue(memory.trashed?.rawValue),
            .integer(memory.since.rawValue),
            .integer(until.rawValue)
        )
    }
}

extension AttributeChange {
    /// By bytes: `String ==` takes NFC and NFD for equal, and here they are two values.
    package func differs(from fields: MemoryFields) -> Bool {
        switch (fields.attributes[key], value) {
        case (nil, nil): false
        case (let old?, let new?): !old.hasSameBytes(as: new)
        default: true
        }
    }
}
