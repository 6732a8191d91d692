import Model

/// The changes of a transaction that is not yet committed.
///
/// They are written when it ends, since what a change did is known only then.
struct PendingLog {
    private var rows: [LoggedChange] = []
    private var effects: [ChangeEffect] = []
    /// The newest row that was there before.
    let start: LogMark

    init(after start: LogMark) { self.start = start }

    /// How many there are.
    var count: Int { rows.count }

    /// The number of the newest change.
    var newest: Int64 { start.number + Int64(rows.count) }

    mutating func append(_ row: LoggedChange) {
        rows.append(row)
        effects.append(ChangeEffect())
    }

    /// Forgets all but the first `count`: a savepoint was taken back.
    mutating func takeBack(to count: Int) {
        rows.removeLast(rows.count - count)
        effects.removeLast(effects.count - count)
    }

    /// Adds to what a change did to the memory that its row names.
    ///
    /// A row that names another, or none, tells of many in its `detail`: nothing is added.
    mutating func explain(
        _ number: ChangeNumber,
        memory: Int64,
        _ body: (inout ChangeEffect) -> Void
    ) {
        let index = Int(number.rawValue - start.number) - 1
        guard rows.indices.contains(index), rows[index].memory == memory else { return }
        body(&effects[index])
    }

    /// The rows with what they did, oldest first.
    consuming func finished() -> [LoggedChange] {
        for index in rows.indices { rows[index].effect = effects[index].text }
        return rows
    }
}
