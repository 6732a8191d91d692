import Catalog
import Linux
import Loci
import Model

// What `.loci/README.md`, `status.json` and `last-error` say; `metrics` and `stats` have a file of their own.
extension LociFileSystem {
    func lastError(of uid: UInt32) -> [UInt8] {
        guard let failure = failures.last(of: uid) else { return [] }
        var text = """
            time:   \(failure.time)
            path:   \(failure.path)
            errno:  \(Errno(rawValue: failure.errno).name)
            \(failure.message)

            """
        if let remedy = failure.remedy { text += remedy + "\n" }
        return Array(text.utf8)
    }

    func status(_ reader: CatalogReader) throws -> JSON {
        let table = try reader.layouts()
        let counts = try reader.memoryCounts()
        let staged = staging.status()
        return .object([
            .init("store", .string(tenant.store.path)),
            .init("tenant", .string(tenant.id.rawValue)),
            .init("mount_point", .string(settings.mountPoint)),
            .init("session", .string(catalog.session)),
            .init("pid", .integer(Int64(RunningProcess.current.id))),
            .init("keeper", keeper.map { .integer(Int64($0)) } ?? .null),
            .init("restarts", .integer(Int64(succession.restarts))),
            .init("last_death", succession.lastDeath.map { .string($0) } ?? .null),
            .init("subdir", JSON(path: NamePath(settings.subdirectoryPath))),
            .init("options", .string(options.text)),
            .init("memories", .integer(counts.live)),
            .init("trashed", .integer(counts.trashed)),
            .init("layouts", .array(try table.all.map { try describe($0, reader) })),
            .init("migration", try describeMigration(table, reader)),
            .init(
                "staged",
                .object([
                    .init("files", .integer(Int64(staged.files))),
                    .init("unborn", .integer(Int64(staged.unborn))),
                    .init("bytes", .integer(staged.bytes)),
                ])
            ),
            .init("healthy", .bool(staged.problems.isEmpty)),
            .init(
                "problems",
                .array(staged.problems.map { .string($0.description) })
            ),
        ])
    }

    private var keeper: Int32? { isKeeperGone.isSet ? nil : succession.keeper }

    private func describe(_ layout: Layout, _ reader: CatalogReader) throws -> JSON {
        .object([
            .init("number", .integer(Int64(layout.number.rawValue))),
            .init("scheme", .string(layout.scheme.text)),
            .init("status", .string("\(layout.state)")),
            .init("listed", .bool(layout.isListed)),
            .init("target", .bool(layout.isTarget)),
            .init("old_paths", .string(layout.refusesDeletes ? "nodelete" : "rw")),
        ])
    }

    private func describeMigration(_ table: LayoutTable, _ reader: CatalogReader) throws -> JSON {
        .object([
            .init("listed", .integer(Int64(table.listed.number.rawValue))),
            .init("target", .integer(Int64(table.target.number.rawValue))),
            .init(
                "building",
                table.building.map { .integer(Int64($0.number.rawValue)) } ?? .null
            ),
            .init(
                "blobs_to_move",
                .integer(try reader.misplacedCount(target: table.target.number))
            ),
            .init("scheme_version", .integer(try reader.setting(Setting.schemeVersion) ?? 1)),
        ])
    }

    func readme(_ reader: CatalogReader) throws -> String {
        let table = try reader.layouts()
        let layouts = table.liveLayouts.map { layout in
            "- \(layout.number): `\(layout.scheme.text)`" + (layout.isListed ? ", listed" : "")
        }
        return """
            # Memories of \(tenant.id)

            Every file here is a memory: it keeps its id, attributes and history whatever its path.
            Paths of every live layout open; one layout is listed.

            \(layouts.joined(separator: "\n"))

            ## Rules

            - The directories of a path are attributes: `mkdir` makes a partition, `mv` changes
              attributes, `rm` puts a memory into the trash, saving makes a new revision.
            - Two paths of one memory are one file: removing either removes the memory.
            - Names that begin with a dot, and editors' names such as `x~` and `x.swp`, are tools'
              files: kept, but neither versioned nor searched nor moved.
            - Partitions are as open as the mount. What must be separate is a tenant.

            ## Recipes

                cat .loci/last-error            why the last call failed
                cat .loci/status.json           layouts, migration, what is being written
                cat .loci/metrics               counts for Prometheus: requests, staged files, memory
                cat .loci/stats                 the same for people, and what history holds
                cat .loci/meta/PATH             id, attributes, revision of a memory
                echo '{"attributes":{"topic":"auth"}}' > .loci/meta/PATH
                ls .loci/layouts                each live layout as a whole tree
                readlink .loci/by-id/ID         the path of a memory
                ls -l .loci/history/PATH        every kept revision of a memory, as files
                cp .loci/history/PATH/3 PATH    goes back to revision 3
                mkdir .loci/snapshots/NAME      takes a snapshot; rmdir deletes it
                diff -r .loci/snapshots/NAME/DIR DIR
                                                what changed since, in the layout of that time
                mv .loci/trash/PATH DIR/        brings a deleted memory back, id and history too
                ls '.loci/search/token rotat*'  what has these words, the best first; also "a phrase",
                    -not, OR; the file results in it has path:line:text
                cat .loci/migration/status      how far a migration is, and what waits for whom
                cat .loci/migration/who         who still uses old paths
                cat .loci/migration/errors      what could not be mapped or moved, and why
                echo pause > .loci/migration/ctl
                    or resume, throttle 500 10m, cutover, revert: for the owner of the store

            """
    }
}
