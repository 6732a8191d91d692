/// The tables of a tenant's catalog, for SQLite.
///
/// ```
///  layout ──bits──▶ entry(directory, name) ──▶ node ──▶ memory ──▶ revision ──key──▶ blob
///                     │ ends                     │          ├──▶ attribute
///                     ▼                          ▼          ▼ ends
///                  entry_past             foreign files   attribute_past
/// ```
///
/// Constraints make a broken state impossible to commit: one name is one node, at most one layout
/// is building, one is listed and one the target.
///
/// `entry.type` is the type of the entry's node, `mode >> 12`, which never changes: a listing of
/// names reads one index and nothing else.
///
/// `entry.position` is where listings show the entry: see `ListingPosition`.
enum Schema {
    /// `PRAGMA application_id`: "Loci".
    static let applicationID: Int64 = 0x4c6f_6369

    /// `PRAGMA user_version`.
    static let version: Int64 = 6

    static let ddl = """
        CREATE TABLE setting(
            key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

        CREATE TABLE layout(
            number INTEGER PRIMARY KEY,
            slot INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 61),
            scheme TEXT NOT NULL,
            state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
            listed INTEGER NOT NULL DEFAULT 0 CHECK (listed IN (0, 1)),
            target INTEGER NOT NULL DEFAULT 0 CHECK (target IN (0, 1)),
            root INTEGER NOT NULL,
            no_delete INTEGER NOT NULL DEFAULT 0 CHECK (no_delete IN (0, 1)),
            created INTEGER NOT NULL,
            live_since INTEGER, listed_since INTEGER, ended INTEGER,
            CHECK (listed = 0 OR state = 2), CHECK (target = 0 OR state = 2)) STRICT;
        CREATE UNIQUE INDEX layout_building ON layout(state) WHERE state = 1;
        CREATE UNIQUE INDEX layout_listed ON layout(listed) WHERE listed = 1;
        CREATE UNIQUE INDEX layout_target ON layout(target) WHERE target = 1;
        CREATE UNIQUE INDEX layout_slot ON layout(slot) WHERE state < 4;

        CREATE TABLE listing(
            since INTEGER PRIMARY KEY, layout INTEGER NOT NULL) STRICT;

        CREATE TABLE node(
            number INTEGER PRIMARY KEY,
            kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
            memory INTEGER, revision INTEGER,
            size INTEGER NOT NULL DEFAULT 0,
            mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL,
            mtime INTEGER NOT NULL, ctime INTEGER NOT NULL) STRICT;
        CREATE INDEX node_pinned ON node(memory) WHERE revision IS NOT NULL;

        CREATE TABLE entry(
            directory INTEGER NOT NULL, name BLOB NOT NULL,
            node INTEGER NOT NULL, layouts INTEGER NOT NULL CHECK (layouts > 0),
            since INTEGER NOT NULL,
            type INTEGER NOT NULL CHECK (type BETWEEN 1 AND 15),
            position INTEGER NOT NULL CHECK (position > 0),
            PRIMARY KEY (directory, name)) STRICT, WITHOUT ROWID;
        CREATE INDEX entry_node ON entry(node, layouts);
        CREATE INDEX entry_listing ON entry(directory, position, node, layouts, type);
        CREATE INDEX entry_foreign ON entry(directory)
            WHERE layouts >= \(LayoutSet.foreign.rawValue);

        CREATE TABLE entry_past(
            directory INTEGER NOT NULL, name BLOB NOT NULL, node INTEGER NOT NULL,
            layouts INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
            memory INTEGER, position INTEGER NOT NULL) STRICT;
        CREATE INDEX entry_past_until ON entry_past(until);
        CREATE INDEX entry_past_node ON entry_past(node);
        CREATE INDEX entry_past_name ON entry_past(directory, name);
        CREATE INDEX entry_past_listing ON entry_past(directory, position);

        CREATE TABLE memory(
            id INTEGER PRIMARY KEY,
            ulid BLOB NOT NULL UNIQUE CHECK (length(ulid) = 16),
            name BLOB NOT NULL, node INTEGER NOT NULL UNIQUE,
            created INTEGER NOT NULL, updated INTEGER NOT NULL,
            revision INTEGER NOT NULL, trashed INTEGER, since INTEGER NOT NULL) STRICT;
        CREATE INDEX memory_trashed ON memory(trashed) WHERE trashed IS NOT NULL;

        CREATE TABLE attribute(
            memory INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
            since INTEGER NOT NULL, PRIMARY KEY (memory, key)) STRICT, WITHOUT ROWID;

        CREATE TABLE attribute_past(
            memory INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
            since INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;
        CREATE INDEX attribute_past_until ON attribute_past(until);
        CREATE INDEX attribute_past_memory ON attribute_past(memory);

        CREATE TABLE memory_past(
            memory INTEGER NOT NULL, name BLOB NOT NULL, trashed INTEGER,
            since INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;
        CREATE INDEX memory_past_until ON memory_past(until);
        CREATE INDEX memory_past_memory ON memory_past(memory);

        CREATE TABLE revision(
            memory INTEGER NOT NULL, number INTEGER NOT NULL,
            size INTEGER NOT NULL, sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
            created INTEGER NOT NULL, actor TEXT NOT NULL,
            blob_key TEXT NOT NULL, layout INTEGER, since INTEGER NOT NULL,
            mtime INTEGER NOT NULL,
            beside INTEGER NOT NULL DEFAULT 0 CHECK (beside IN (0, 1)),
            PRIMARY KEY (memory, number)) STRICT, WITHOUT ROWID;
        CREATE INDEX revision_layout ON revision(layout);
        CREATE UNIQUE INDEX revision_blob ON revision(blob_key);
        CREATE UNIQUE INDEX revision_since ON revision(since);

        CREATE TABLE change(
            seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, session TEXT NOT NULL,
            actor TEXT NOT NULL, uid INTEGER, pid INTEGER, process TEXT, reason TEXT,
            op TEXT NOT NULL, memory INTEGER, directory INTEGER, detail TEXT,
            request INTEGER, effect TEXT, salt BLOB,
            sealed BLOB CHECK (sealed IS NULL OR coalesce(reason, detail, effect, salt) IS NULL),
            hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT;
        CREATE INDEX change_memory ON change(memory) WHERE memory IS NOT NULL;
        CREATE INDEX change_conflict ON change(memory) WHERE op = 'conflict';

        CREATE TABLE purged(
            memory INTEGER PRIMARY KEY, ulid BLOB NOT NULL CHECK (length(ulid) = 16),
            since INTEGER NOT NULL) STRICT;
        CREATE INDEX purged_ulid ON purged(ulid);

        CREATE TABLE migration(
            id INTEGER PRIMARY KEY, from_layout INTEGER NOT NULL, to_layout INTEGER NOT NULL,
            actor TEXT NOT NULL, reason TEXT, mapper TEXT, options TEXT NOT NULL,
            snapshot TEXT, started INTEGER NOT NULL, live_at INTEGER, listed_at INTEGER,
            ended_at INTEGER, outcome TEXT,
            total INTEGER NOT NULL DEFAULT 0, prepared INTEGER NOT NULL DEFAULT 0,
            prepare_cursor INTEGER NOT NULL DEFAULT 0,
            moved INTEGER NOT NULL DEFAULT 0, moved_bytes INTEGER NOT NULL DEFAULT 0,
            in_place INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0) STRICT;

        CREATE TABLE migration_error(
            migration INTEGER NOT NULL, memory INTEGER NOT NULL, step TEXT NOT NULL,
            reason TEXT NOT NULL, attempts INTEGER NOT NULL, time INTEGER NOT NULL,
            PRIMARY KEY (migration, memory, step)) STRICT, WITHOUT ROWID;

        CREATE TABLE collectable(
            blob_key TEXT PRIMARY KEY, not_before INTEGER NOT NULL,
            reason TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE INDEX collectable_time ON collectable(not_before);

        CREATE TABLE old_path_use(
            layout INTEGER NOT NULL, prefix TEXT NOT NULL, uid INTEGER NOT NULL,
            process TEXT NOT NULL, pid INTEGER NOT NULL, count INTEGER NOT NULL,
            first INTEGER NOT NULL, last INTEGER NOT NULL,
            PRIMARY KEY (layout, prefix, uid, process)) STRICT, WITHOUT ROWID;

        CREATE TABLE snapshot(
            name TEXT PRIMARY KEY, seq INTEGER NOT NULL, created INTEGER NOT NULL,
            actor TEXT NOT NULL, reason TEXT,
            view INTEGER NOT NULL UNIQUE
                CHECK (view BETWEEN 1 AND \(Snapshots.most))) STRICT, WITHOUT ROWID;

        CREATE TABLE request(
            session TEXT NOT NULL, kind TEXT NOT NULL, seq INTEGER NOT NULL,
            PRIMARY KEY (session, kind, seq)) STRICT, WITHOUT ROWID;

        CREATE TABLE session(
            id TEXT PRIMARY KEY, pid INTEGER NOT NULL, boot TEXT NOT NULL,
            mount_point TEXT NOT NULL, options TEXT NOT NULL,
            started INTEGER NOT NULL, keeper INTEGER,
            restarts INTEGER NOT NULL DEFAULT 0, last_death TEXT) STRICT, WITHOUT ROWID;
        """
}
