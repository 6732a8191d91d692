package import Model
package import SQL

// Mounts that run, and what others ask of them. Whether a session is alive, its lock in the staging
// area tells; its row only says what it is.

/// One mount, as its daemon wrote it down.
package struct SessionRow: Hashable, Sendable {
    /// The session of the daemon's catalog, and the name of its staging folder.
    package var id: String
    package var pid: Int32
    /// The machine's boot id.
    package var boot: String
    /// Absolute.
    package var mountPoint: String
    /// As given with `-o`.
    package var options: String
    package var started: Timestamp
    /// The process that starts the daemon again; nil where nobody does.
    package var keeper: Int32?
    /// How often it did.
    package var restarts: Int
    /// When and why the daemon ended last.
    package var lastDeath: String?

    package init(
        id: String,
        pid: Int32,
        boot: String,
        mountPoint: String,
        options: String,
        started: Timestamp,
        keeper: Int32? = nil,
        restarts: Int = 0,
        lastDeath: String? = nil
    ) {
        self.id = id
        self.pid = pid
        self.boot = boot
        self.mountPoint = mountPoint
        self.options = options
        self.started = started
        self.keeper = keeper
        self.restarts = restarts
        self.lastDeath = lastDeath
    }
}

/// What a process can ask of a mount.
package enum RequestKind: String, Hashable, Sendable {
    /// Commit what is staged, but for files written within the last 50 ms.
    case commit
    /// Commit all that is staged, as it is now.
    case snapshot
    /// A layout is about to be live: keep nothing that would let it appear by halves.
    case expectLayout = "expect-layout"
    /// Commit, and keep nothing of what was written but what is staged still.
    case forget
}

/// One question to a mount, which deletes it when it is done.
///
/// No other has its number, ever.
package struct RequestRow: Hashable, Sendable {
    package var session: String
    package var kind: RequestKind
    package var number: Int64
}

extension CatalogReader {
    /// All mounts that have a row, by the time they started.
    package func sessions() throws(SQLError) -> [SessionRow] {
        try statement(
            """
            SELECT id, pid, boot, mount_point, options, started, keeper, restarts, last_death
            FROM session ORDER BY started, id
            """
        ).all { row throws(SQLError) in
            SessionRow(
                id: row.text(0),
                pid: Int32(truncatingIfNeeded: row.integer(1)),
                boot: row.text(2),
                mountPoint: row.text(3),
                options: row.text(4),
                started: Timestamp(nanoseconds: row.integer(5)),
                keeper: row.optionalInteger(6).map { Int32(truncatingIfNeeded: $0) },
                restarts: Int(row.integer(7)),
                lastDeath: row.optionalText(8)
            )
        }
    }

    /// What is asked of one mount, oldest first.
    ///
    /// Kinds that a newer program wrote are left out.
    package func requests(to session: String) throws(SQLError) -> [RequestRow] {
        try statement("SELECT kind, seq FROM request WHERE session = ? ORDER BY seq").all(
            .text(session)
        ) { row throws(SQLError) in (row.text(0), row.integer(1)) }.compactMap { kind, number in
            RequestKind(rawValue: kind).map {
                RequestRow(session: session, kind: $0, number: number)
            }
        }
    }

    /// Whether a mount still has to do what it was asked for.
    package func isWaiting(_ request: RequestRow) throws(SQLError) -> Bool {
        try statement("SELECT 1 FROM request WHERE session = ? AND kind = ? AND seq = ?").first(
            .text(request.session),
            .text(request.kind.rawValue),
            .integer(request.number)
        ) { _ throws(SQLError) in true } ?? false
    }
}

extension CatalogTransaction {
    /// Writes a mount's row, or writes it again.
    package func putSession(_ session: SessionRow) throws(SQLError) {
        try run(
            """
            INSERT OR REPLACE INTO session(id, pid, boot, mount_point, options, started, keeper,
                                           restarts, last_death)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            .text(session.id),
            .integer(Int64(session.pid)),
            .text(session.boot),
            .text(session.mountPoint),
            .text(session.options),
            .integer(session.started.nanoseconds),
            SQLValue(session.keeper.map(Int64.init)),
            .integer(Int64(session.restarts)),
            SQLValue(session.lastDeath)
        )
    }

    /// Forgets a mount and what was asked of it.
    package func deleteSession(_ id: String) throws(SQLError) {
        try run("DELETE FROM request WHERE session = ?", .text(id))
        try run("DELETE FROM session WHERE id = ?", .text(id))
    }

    /// Asks a mount for something.
    package func request(_ kind: RequestKind, of session: String) throws(SQLError) -> RequestRow {
        // Not one after those that wait: an answer to one that is done would be taken for its.
        let number = 1 + (try reader.setting(Setting.lastRequest) ?? 0)
        try setSetting(Setting.lastRequest, .integer(number))
        try run(
            "INSERT INTO request(session, kind, seq) VALUES (?, ?, ?)",
            .text(session),
            .text(kind.rawValue),
            .integer(number)
        )
        return RequestRow(session: session, kind: kind, number: number)
    }

    /// Tells whoever asked that it is done, or that it no longer matters.
    package func finish(_ request: RequestRow) throws(SQLError) {
        try run(
            "DELETE FROM request WHERE session = ? AND kind = ? AND seq = ?",
            .text(request.session),
            .text(request.kind.rawValue),
            .integer(request.number)
        )
    }
}
