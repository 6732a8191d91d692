import Catalog
public import Model
import SQL

extension Tenant {
    /// Takes a snapshot: a name for everything up to now.
    ///
    /// It costs one row.
    ///
    /// What running mounts hold is committed first, also of files that are just being written;
    /// `silent` gets the mounts that did not do so in time, whose last writes it may lack.
    ///
    /// Throws `nameTaken`, `invalidName`.
    public func takeSnapshot(
        _ name: String,
        origin: Origin,
        silent: @escaping @Sendable ([MountInfo]) -> Void = { _ in }
    ) async throws(LociError) -> Snapshot {
        try await work { [self] () throws(LociError) in
            // It will be a directory's name.
            _ = try Name(name)
            silent(try askMounts(.snapshot))
            return try catalog.write(.full, origin: origin) { tx in
                Snapshot(try tx.takeSnapshot(name))
            }
        }
    }

    /// All snapshots, oldest first.
    public func snapshots() throws(LociError) -> [Snapshot] {
        try read { reader in try reader.snapshots().map { Snapshot($0) } }
    }

    /// Deletes a snapshot.
    ///
    /// What only it needed goes with the next retention. It cannot be undone.
    ///
    /// Throws `snapshotNotFound`.
    public func deleteSnapshot(_ name: String, origin: Origin) async throws(LociError) {
        try await work { [self] () throws(LociError) in
            try catalog.write(.full, origin: origin) { tx in
                try tx.deleteSnapshot(name)
            }
        }
    }

    func snapshotRow(_ name: String, _ reader: CatalogReader) throws -> SnapshotRow {
        if let row = try reader.snapshot(name) { return row }
        let near = NearMiss.nearest(to: name, in: try reader.snapshots().map(\.name))
        throw LociError(
            .snapshotNotFound,
            subject: name,
            message: "There is no snapshot \"\(name)\".",
            remedy: near.map { "Did you mean \"\($0)\"?" }
                ?? "See which there are with: loci snapshot list"
        )
    }

    /// Brings all memories back to what they were at a snapshot: contents, attributes, places and
    /// trash.
    ///
    /// Memories that came later go to the trash. Layouts stay as they are today.
    ///
    /// It is a change like any other: revisions are added, nothing is removed, and a snapshot taken
    /// before undoes it. In batches: a crash leaves a part done, and the same call does the rest.
    ///
    /// Throws `snapshotNotFound`, `noSpace`.
    public func restoreSnapshot(
        _ name: String,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> RestoreReport {
        try await work { [self] () throws(LociError) in
            let report = try goBack(to: .snapshot(name), .all, origin, progress)
            try catalog.write(.full, origin: origin) { tx in
                _ = try tx.record(
                    .snapshotRestored,
                    detail: JSON.object([.init("name", .string(name))]).text()
                )
            }
            return report
        }
    }

    /// Brings what was below a path at a moment back, and what is below it now to where it was:
    /// contents, attributes, places and trash, as `restoreSnapshot` does for all.
    ///
    /// The path is one of any layout; the root means everything.
    ///
    /// `dryRun`: tells what would change, and changes nothing.
    ///
    /// Throws what `change(at:)` throws, `notFound` where there was and is no such path, `noSpace`.
    public func restore(
        under path: NamePath,
        to moment: PastMoment,
        dryRun: Bool = false,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> RestoreReport {
        try await work { [self] () throws(LociError) in
            let scope: PastRestore.Scope = path.isRoot ? .all : .under(path)
            let report = try goBack(to: moment, scope, dryRun: dryRun, origin, progress)
            if report == RestoreReport() { try requireKnown(path, at: moment) }
            return report
        }
    }

    /// Brings one memory back to what it was at a moment: content, attributes, place, also out of
    /// the trash or into it.
    ///
    /// Throws what `change(at:)` throws; `notFound` where it was not born yet; `nameTaken` where
    /// another memory has its place: then nothing is changed but that it may be in the trash, where
    /// its own place is taken too.
    public func restore(
        _ id: MemoryID,
        to moment: PastMoment,
        origin: Origin
    ) async throws(LociError) -> Memory {
        try await work { [self] () throws(LociError) in
            try askMountsToCommit()
            _ = try memory(id, when: moment)
            let row = try read { reader in try self.row(id, reader).row }
            let report = try goBack(to: moment, .memory(row), origin, nil)
            if let failure = report.failures.first {
                throw LociError(
                    .nameTaken,
                    subject: id.description,
                    message: "The memory \(id) could not go back: \(failure.reason)",
                    remedy: "Move what is in its place away, then do it again."
                )
            }
            return try memory(id)
        }
    }

    /// Throws `notFound` where a path leads nowhere, neither now nor then.
    private func requireKnown(
        _ path: NamePath,
        at moment: PastMoment
    ) throws(LociError) {
        if path.isRoot || (try? entries(of: path)) != nil || (try? memory(at: path)) != nil
            || (try? entries(of: path, when: moment)) != nil
            || (try? memory(at: path, when: moment)) != nil
        {
            return
        }
        throw LociError(
            .notFound,
            subject: path.description,
            message: "Nothing is at '\(path)', and nothing was at \(moment).",
            remedy: "See what was there with: loci ls --at MOMENT"
        )
    }

    private func goBack(
        to moment: PastMoment,
        _ scope: PastRestore.Scope,
        dryRun: Bool = false,
        _ origin: Origin,
        _ progress: ProgressFeed?
    ) throws(LociError) -> RestoreReport {
        defer { progress?.finish() }
        try askMountsToCommit()
        let number = try change(at: moment)
        var restore = PastRestore(
            tenant: self,
            to: moment,
            number: number,
            scope: scope,
            origin: origin
        )
        if dryRun { try restore.plan() } else { try restore.run(progress) }
        return restore.report
    }
}
