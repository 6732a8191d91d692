package import Model
package import SQL

/// What a repair did about one thing.
package struct CatalogMend: Hashable, Sendable {
    /// The rule that it broke, by its number in the design's list.
    package let rule: Int
    package let subject: String
    package let message: String
}

/// Mends rows that break the rules of `CatalogCheck`, each in the transaction that records it.
///
/// Of two rows that contradict each other one is mended only where a third (the change log, another
/// row, a SHA-256) bears the other out, or where what is lost can be computed from what is left.
/// Nothing that leads to content is deleted. What is as it should be is not written, so that a step
/// that was done before a crash does nothing when it is done again.
///
/// Lives only inside `Catalog.write`.
package struct CatalogMender {
    /// The steps, in an order in which none breaks what an earlier one has mended.
    package enum Step: Int, Hashable, Sendable, CaseIterable {
        /// ① The number and hash of the newest change.
        case logHead = 1
        /// ② The next number for a node.
        case nodeNumbers
        /// ③ Which layout is listed, and which is the target.
        case layouts
        /// ④ Memories whose row is gone while their revisions are there.
        case memories
        /// ⑤ The change that made a revision.
        case origins
        /// ⑥ Memories whose current revision is gone, for good: what could bring it back was tried.
        case currents
        /// ⑦ What the kernel knows memories by.
        case nodes
        /// ⑧ Names that lead nowhere, and names in directories that are not there.
        case entries
        /// ⑨ Names of what is in the trash.
        case trash
        /// ⑩ Names of the past.
        case past
        /// ⑪ Keys that a revision names and that wait to be collected.
        case collectable
        /// ⑫ Vectors of revisions that are gone, and memories that have none and wait for none.
        case vectors

        /// Those that come before lost revisions are looked for.
        package static let beforeRevisions: [Step] = [
            .logHead, .nodeNumbers, .layouts, .memories, .origins,
        ]
        /// Those that build on what revisions there are.
        package static let afterRevisions: [Step] = [
            .currents, .nodes, .entries, .trash, .past, .collectable, .vectors,
        ]
    }

    package let tx: CatalogTransaction
    /// Whose nodes are that are made anew.
    let owner: (user: UInt32, group: UInt32)
    /// The node of a file that tools keep, as its file has it; nil where there is no such file.
    let foreign: (NodeNumber) -> Node?
    /// What was done.
    package private(set) var mends: [CatalogMend] = []

    var reader: CatalogReader { tx.reader }

    package init(
        _ tx: CatalogTransaction,
        owner: (user: UInt32, group: UInt32),
        foreign: @escaping (NodeNumber) -> Node?
    ) {
        self.tx = tx
        self.owner = owner
        self.foreign = foreign
    }

    package mutating func run(_ step: Step) throws {
        switch step {
        case .logHead: try mendLogHead()
        case .nodeNumbers: try mendNodeNumbers()
        case .layouts: try mendLayouts()
        case .memories: try mendMemories()
        case .origins: try mendOrigins()
        case .currents: try mendCurrents()
        case .nodes: try mendNodes()
        case .entries: try mendEntries()
        case .trash: try mendTrash()
        case .past: try mendPast()
        case .collectable: try mendCollectable()
        case .vectors: try mendVectors()
        }
    }

    /// Records a repair.
    ///
    /// Returns its number, which the rows that it makes carry.
    @discardableResult
    package mutating func note(
        _ rule: Int,
        _ subject: String,
        _ message: String,
        memory: Int64? = nil,
        directory: NodeNumber? = nil
    ) throws(SQLError) -> ChangeNumber {
        mends.append(CatalogMend(rule: rule, subject: subject, message: message))
        return try tx.record(
            .repair,
            memory: memory,
            directory: directory,
            detail: JSON.object([
                .init("rule", .integer(Int64(rule))),
                .init("subject", .string(subject)),
                .init("did", .string(message)),
            ]).text()
        )
    }

    /// Numbers that a statement gives, one a row.
    func numbers(_ sql: String) throws(SQLError) -> [Int64] {
        try reader.connection.all(sql) { row throws(SQLError) in row.integer(0) }
    }

    // MARK: Counters

    /// ① The log is a chain: where it holds to its last row, that row is its newest.
    ///
    /// Where rows are missing instead, nothing can say what they were.
    private mutating func mendLogHead() throws {
        let last = try reader.connection.first(
            "SELECT seq, hash FROM change ORDER BY seq DESC LIMIT 1"
        ) { row throws(SQLError) in LogMark(number: row.integer(0), hash: row.bytes(1)) }
        let head = try reader.logHead()
        guard let last, last.number > head.number || last.number == head.number && last != head,
            try reader.verifyLog(head: last).broken == nil
        else { return }
        tx.log = PendingLog(after: last)
        try note(7, "change \(last.number)", "is noted as the newest change again")
    }

    /// ② Numbers are never used twice, nor those that a mount has taken and not yet written: so it
    /// goes as far on as where a backup is restored.
    private mutating func mendNodeNumbers() throws {
        let next = try reader.setting(Setting.nextNode) ?? 0
        let highest = try numbers(CatalogCheck.highestNode).first ?? 0
        guard next <= highest else { return }
        let new = UInt64(highest) + Catalog.firstNode
        tx.skipNodeNumbers(below: new)
        try note(2, Setting.nextNode, "new nodes are numbered from \(new) on")
    }

    // MARK: Layouts

    private struct LayoutFlags {
        let number: Int64
        let isLive: Bool
        let isListed: Bool
        let isTarget: Bool
    }

    /// ③ What is listed stands in the layout's row, in the record of listings and in the log.
    private mutating func mendLayouts() throws {
        let rows = try reader.connection.all(
            "SELECT number, state, listed, target FROM layout ORDER BY number"
        ) { row throws(SQLError) in
            LayoutFlags(
                number: row.integer(0),
                isLive: row.integer(1) == Layout.State.live.rawValue,
                isListed: row.integer(2) == 1,
                isTarget: row.integer(3) == 1
            )
        }
        let live = rows.filter(\.isLive).map(\.number)
        let recorded = try numbers("SELECT layout FROM listing ORDER BY since DESC LIMIT 1").first
        if let listed = rows.first(where: \.isListed)?.number {
            if listed != recorded { try settle(listed, recorded, live) }
        } else if let wanted = recorded.flatMap({ live.contains($0) ? $0 : nil })
            ?? (live.count == 1 ? live[0] : nil)
        {
            let since = try list(wanted, "is listed again")
            if wanted != recorded {
                try tx.noteListed(LayoutNumber(Int(wanted)), since: since)
            }
        }
        // Where blobs stand is no truth of its own: any live layout will do, and the newest is it
        // but for a migration that was given up.
        if !rows.contains(where: \.isTarget), let newest = live.last {
            try tx.run("UPDATE layout SET target = 1 WHERE number = ?", .integer(newest))
            try note(4, "layout \(newest)", "is the one again that contents follow")
            try tx.layoutsChanged()
        }
    }

    /// The row says one layout and the record another: the log decides; where it is silent, what is
    /// seen now stays.
    private mutating func settle(_ listed: Int64, _ recorded: Int64?, _ live: [Int64]) throws {
        if let recorded, try loggedListing() == recorded, live.contains(recorded) {
            try tx.run("UPDATE layout SET listed = 0 WHERE listed = 1")
            try list(recorded, "is listed, as the log says")
        } else {
            let since = try note(4, "layout \(listed)", "is in the record of listings again")
            try tx.noteListed(LayoutNumber(Int(listed)), since: since)
            try tx.layoutsChanged()
        }
    }

    @discardableResult
    private mutating func list(_ layout: Int64, _ message: String) throws -> ChangeNumber {
        try tx.run("UPDATE layout SET listed = 1 WHERE number = ?", .integer(layout))
        let since = try note(4, "layout \(layout)", message)
        try tx.layoutsChanged()
        return since
    }

    private func loggedListing() throws(SQLError) -> Int64? {
        try reader.connection.first(
            """
            SELECT detail FROM change WHERE op IN ('layoutListed', 'revert')
            ORDER BY seq DESC LIMIT 1
            """
        ) { row throws(SQLError) in row.optionalText(0) }.flatMap(\.self)
            .flatMap { try? JSON(parsing: $0) }?["to"]?.integerValue
    }

    // MARK: Keys

    /// Lets a key be collected that nobody names, now that what it held is elsewhere.
    ///
    /// Returns false, and changes nothing, where somebody came to need it.
    package func giveUp(_ key: String) throws -> Bool {
        guard try reader.isFree(key) else { return false }
        try tx.collect(key, notBefore: tx.now, reason: .unnamed)
        return true
    }

    /// Whether a revision is as it was read.
    package func isStill(_ revision: RevisionRow) throws(SQLError) -> Bool {
        try reader.revision(of: revision.memory, revision.number) == revision
    }

    // MARK: What leads to nothing

    /// ⑩ They are names only: what they led to was purged or is lost.
    private mutating func mendPast() throws {
        let count =
            try numbers(
                "SELECT count(*) FROM entry_past WHERE \(Self.isPastOfNothing)"
            ).first ?? 0
        guard count > 0 else { return }
        try tx.reader.connection.run("DELETE FROM entry_past WHERE \(Self.isPastOfNothing)")
        try note(2, "\(count) names of the past", "led to no memory, and are forgotten")
    }

    private static let isPastOfNothing =
        "memory IS NOT NULL AND NOT EXISTS (SELECT 1 FROM memory m WHERE m.id = entry_past.memory)"

    /// ⑪ A revision's content is nobody's to collect.
    private mutating func mendCollectable() throws {
        let keys = try reader.connection.all(
            """
            SELECT c.blob_key FROM collectable c JOIN revision r ON r.blob_key = c.blob_key
            WHERE c.reason <> 'placing'
            """
        ) { row throws(SQLError) in row.text(0) }
        for key in keys {
            try tx.forgetCollectable(key)
            try note(3, key, "is not to be collected any more: a revision names it")
        }
    }
}
