package import Model
import SQL

// The life of layouts. Each of these is one row for readers, whatever the number of memories:
// entries are written before the commit that shows them, and cleared after the one that ends them
// (CatalogTransaction+Migration.swift).

extension CatalogTransaction {
    /// Begins a layout.
    ///
    /// Nobody sees it until `makeLive`; from now on every change serves it.
    ///
    /// `apart`: gives it a root of its own.
    /// Throws `wrongState` while another is building or where no slot is free.
    package func beginLayout(_ scheme: Scheme, apart: Bool) throws -> Layout {
        let table = try reader.layouts()
        if let building = table.building {
            throw LociError(
                .wrongState,
                subject: "layout \(building.number)",
                message: "Layout \(building.number), \(building.scheme.text), is being built",
                remedy: "Finish it with: loci migrate start '\(building.scheme.text)', "
                    + "or give it up with: loci migrate abort"
            )
        }
        let number = LayoutNumber((table.all.map(\.number.rawValue).max() ?? 0) + 1)
        // Paths begin where people look: beside those of the listed layout.
        let root = apart ? try makeRoot() : table.listed.root
        try insertLayout(number, scheme, state: .building, root: root)
        try record(.layoutBuilding, detail: layoutDetail(number, scheme))
        guard let layout = try reader.layouts()[number] else {
            preconditionFailure("a layout that was just inserted is in the table")
        }
        return layout
    }

    /// The layout that a tenant is made with: live, listed and the target.
    func makeFirstLayout(_ scheme: Scheme) throws {
        try insert(
            Node(
                number: Catalog.rootNode,
                kind: .directory,
                mode: 0o040755,
                uid: 0,
                gid: 0,
                mtime: now.nanoseconds,
                ctime: now.nanoseconds
            )
        )
        try insertLayout(LayoutNumber(1), scheme, state: .live, root: Catalog.rootNode)
        let since = try record(.layoutLive, detail: layoutDetail(LayoutNumber(1), scheme))
        try run(
            "UPDATE layout SET listed = 1, target = 1, live_since = ?, listed_since = ?",
            .integer(since.rawValue),
            .integer(since.rawValue)
        )
        try noteListed(LayoutNumber(1), since: since)
        try setSetting(Setting.schemeVersion, .integer(1))
        try layoutsChanged()
    }

    /// Notes which layout is listed from a change on: trees of the past are those of the layout
    /// that was listed then.
    func noteListed(_ layout: LayoutNumber, since: ChangeNumber) throws(SQLError) {
        try run(
            "INSERT INTO listing(since, layout) VALUES (?, ?)",
            .integer(since.rawValue),
            .integer(Int64(layout.rawValue))
        )
    }

    private func makeRoot() throws -> NodeNumber {
        let number = newNodeNumber()
        try insert(
            Node(
                number: number,
                kind: .directory,
                mode: 0o040755,
                uid: 0,
                gid: 0,
                mtime: now.nanoseconds,
                ctime: now.nanoseconds
            )
        )
        return number
    }

    private func insertLayout(
        _ number: LayoutNumber,
        _ scheme: Scheme,
        state: Layout.State,
        root: NodeNumber
    ) throws {
        let used = Set(
            try reader.connection.all("SELECT slot FROM layout WHERE state < 4") {
                row throws(SQLError) in Int(row.integer(0))
            }
        )
        guard let slot = (0..<LayoutSet.capacity).first(where: { !used.contains($0) }) else {
            throw LociError(
                .wrongState,
                subject: "layouts",
                message: "\(LayoutSet.capacity) layouts are live, which is the most there can be",
                remedy: "Retire one with: loci migrate retire N"
            )
        }
        try run(
            "INSERT INTO layout(number, slot, scheme, state, root, created) VALUES (?,?,?,?,?,?)",
            .integer(Int64(number.rawValue)),
            .integer(Int64(slot)),
            .text(scheme.text),
            .integer(state.rawValue),
            .integer(Int64(root.rawValue)),
            .integer(now.nanoseconds)
        )
        try layoutsChanged()
    }

    private func layoutDetail(_ number: LayoutNumber, _ scheme: Scheme) -> String {
        JSON.object([
            .init("layout", .integer(Int64(number.rawValue))),
            .init("scheme", .string(scheme.text)),
        ]).text()
    }

    /// Makes the layout that is building live and the target: it appears at once and whole.
    package func makeLive(_ layout: Layout) throws {
        let since = try record(.layoutLive, detail: layoutDetail(layout.number, layout.scheme))
        try run("UPDATE layout SET target = 0 WHERE target = 1")
        try run(
            "UPDATE layout SET state = 2, target = 1, live_since = ? WHERE number = ?",
            .integer(since.rawValue),
            .integer(Int64(layout.number.rawValue))
        )
        try layoutsChanged()
    }

    /// Lists another live layout: a cut-over, or its reverse.
    ///
    /// The first listing of a layout raises the scheme version.
    ///
    /// Returns whether it was the first.
    @discardableResult
    package func list(
        _ layout: Layout,
        operation: Operation,
        oldRefusesDeletes: Bool = false
    ) throws -> Bool {
        let previous = try reader.layouts().listed
        let detail = JSON.object([
            .init("from", .integer(Int64(previous.number.rawValue))),
            .init("to", .integer(Int64(layout.number.rawValue))),
            .init("old_paths", .string(oldRefusesDeletes ? "nodelete" : "rw")),
        ])
        let since = try record(operation, detail: detail.text())
        try run(
            "UPDATE layout SET listed = 0, no_delete = ? WHERE listed = 1",
            .integer(oldRefusesDeletes ? 1 : 0)
        )
        try run(
            """
            UPDATE layout SET listed = 1, no_delete = 0,
                              listed_since = coalesce(listed_since, ?)
            WHERE number = ?
            """,
            .integer(since.rawValue),
            .integer(Int64(layout.number.rawValue))
        )
        try noteListed(layout.number, since: since)
        let isFirst = layout.listedSince == nil
        if isFirst {
            let version = (try reader.setting(Setting.schemeVersion) ?? 1) + 1
            try setSetting(Setting.schemeVersion, .integer(version))
            try record(
                .schemeMigrated,
                detail: JSON.object([
                    .init("scheme", .string(layout.scheme.text)),
                    .init("version", .integer(version)),
                ]).text()
            )
        }
        try layoutsChanged()
        return isFirst
    }

    /// Makes `layout` the one that blobs follow.
    package func setTarget(_ layout: Layout) throws {
        try run("UPDATE layout SET target = 0 WHERE target = 1")
        try run(
            "UPDATE layout SET target = 1 WHERE number = ?",
            .integer(Int64(layout.number.rawValue))
        )
        try layoutsChanged()
    }

    /// Ends a layout for readers.
    ///
    /// Its rows are cleared afterwards, by `clear`.
    ///
    /// Precondition: it is neither listed nor the target.
    package func end(_ layout: Layout, operation: Operation, detail: String? = nil) throws {
        precondition(!layout.isListed && !layout.isTarget, "a listed layout cannot end")
        let since = try record(
            operation,
            detail: detail ?? layoutDetail(layout.number, layout.scheme)
        )
        try run(
            "UPDATE layout SET state = 3, ended = ? WHERE number = ?",
            .integer(since.rawValue),
            .integer(Int64(layout.number.rawValue))
        )
        try layoutsChanged()
    }
}
