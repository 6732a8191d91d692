import Blobs
import Catalog
import Linux
package import Loci
package import Model
import SQL
import Synchronization

/// What recovery found and did.
package struct RecoveryReport: Sendable {
    /// Sessions whose process was gone.
    package var sessions = 0
    /// Files that are revisions now, or were already.
    package var committed = 0
    /// Files that went to the trash: the machine restarted before anybody synced them.
    package var trashed = 0
    /// Files that stay in staging because committing them fails.
    package var failures: [StagingFailure] = []
    /// Why whole sessions stay as they are.
    package var unreadable: [LociError] = []

    /// All that stays in staging, for people to read.
    package var problems: [LociError] { failures.map(\.error) + unreadable }

    /// One line for a log.
    var summary: String {
        "sessions=\(sessions) committed=\(committed) trashed=\(trashed) left=\(problems.count)"
    }
}

/// Brings what mounts left in staging when they were killed or lost their power into the catalog.
///
/// May be run at any time and by any process: a session belongs to who has its lock, and its lock is
/// gone with its process. Running it again after a crash of its own goes on where it was.
package enum StagingRecovery {
    /// Commits every abandoned session of a tenant and removes its folder.
    ///
    /// What was synced is committed, and all the rest if the machine did not restart since; else
    /// the rest goes to the trash, because nobody knows whether it is whole.
    ///
    /// A session that cannot be recovered stays for another time, and is no reason to leave others.
    ///
    /// `patience`: how long to wait for another process that recovers, and for a killed one that is
    /// not yet gone.
    /// Throws `busy` where that was not enough.
    package static func run(
        _ tenant: Tenant,
        options: StagingOptions = StagingOptions(),
        patience: Duration = .seconds(60)
    ) throws(LociError) -> RecoveryReport {
        let turn = try staged(tenant.directory + "/staging") { () throws(Errno) in
            try tenant.staging.recoveryLock()
        }
        // Who recovers at this moment does it for this one, too.
        let isMine = try staged("recovery") { () throws(Errno) in
            try turn.lock(timeout: patience)
        }
        guard isMine else {
            throw LociError(
                .busy,
                subject: tenant.directory + "/staging",
                message: "Another process still brings back what a killed mount left.",
                remedy: "It shows when that is done; wait, or look at: loci status"
            )
        }
        // Closing its file gives the lock back.
        return try withExtendedLifetime(turn) { () throws(LociError) in
            try recoverAll(tenant, options, patience: patience)
        }
    }

    private static func recoverAll(
        _ tenant: Tenant,
        _ options: StagingOptions,
        patience: Duration
    ) throws(LociError) -> RecoveryReport {
        var report = RecoveryReport()
        let sessions = try staged(tenant.directory + "/staging") { () throws(Errno) in
            try tenant.staging.takeAbandonedSessions(patience: min(patience, .seconds(10)))
        }
        for session in sessions {
            report.sessions += 1
            do throws(LociError) {
                try recover(session, tenant, options, &report)
            } catch {
                report.unreadable.append(error)
            }
        }
        return report
    }

    /// The same while a mount serves the tenant: by another session, so that its caches hear of it
    /// as of any change from outside.
    ///
    /// Returns nil where no session is abandoned; that costs a look at the folder.
    static func runBeside(_ tenant: Tenant) throws(LociError) -> RecoveryReport? {
        let isNeeded = try staged(tenant.directory + "/staging") { () throws(Errno) in
            try tenant.staging.hasAbandonedSession()
        }
        return isNeeded ? try run(tenant.store.tenant(tenant.id), patience: .zero) : nil
    }

    private static func recover(
        _ session: StagingSession,
        _ tenant: Tenant,
        _ options: StagingOptions,
        _ report: inout RecoveryReport
    ) throws(LociError) {
        let staging = try Staging(
            tenant: tenant,
            session: session,
            options: options,
            onCommit: { _ in }
        )
        let isTrusted = try staged("boot id") { () throws(Errno) in
            try session.machineIsTheSame()
        }
        let trashed = try staging.load(isTrusted: isTrusted)
        let outcome = staging.commitNow(.unmount)
        report.failures += outcome.failures
        report.trashed += trashed
        report.committed += outcome.committed - trashed
        guard outcome.left.isEmpty else { return }
        try staged(session.name) { () throws(Errno) in try session.end() }
    }
}

extension Staging {
    /// Takes over what the journal of an earlier session says.
    ///
    /// Returns how many files go to the trash.
    fileprivate func load(isTrusted: Bool) throws(LociError) -> Int {
        let records = try Mount.staged("staging journal") { () throws(Errno) in
            try space.journal.read().records
        }
        var doubtful = 0
        let reader = try tenant.catalog.makeReader()
        let entries = StagingReplay(records).entries
        for (node, entry) in entries.sorted(by: { $0.key < $1.key }) {
            let isDoubtful = !isTrusted && !entry.isSynced
            if try load(node, entry, isDoubtful: isDoubtful, reader), isDoubtful { doubtful += 1 }
        }
        return doubtful
    }

    private func load(
        _ node: NodeNumber,
        _ entry: StagingReplay.Entry,
        isDoubtful: Bool,
        _ reader: CatalogReader
    ) throws(LociError) -> Bool {
        // Without bytes it may be a file that nobody wrote to, but never what a row has already.
        if entry.file == nil, entry.content == nil {
            do {
                if try reader.node(node) != nil { return false }
            } catch {
                throw LociError(catalogError: error, subject: tenant.catalog.path)
            }
        }
        let standing: StagedNode.Standing
        if let replaces = entry.replaces {
            standing = .replacing(replaces)
        } else if let place = entry.place {
            standing = .unborn(place, recalls: entry.recalls)
        } else if let memory = entry.memory {
            standing = .memory(memory, base: RevisionNumber(Int(entry.base)))
        } else {
            return false
        }
        var status: FileStatus?
        if let file = entry.file {
            status = try self.status(ofFile: file)
            // A power cut took it, or it was removed when its journal could not say so.
            if status == nil { return false }
        }
        var state = state(of: entry, standing, status, by: "loci recovery")
        state.isDoubtful = isDoubtful
        state.isRecovered = true
        let made = StagedNode(node, state)
        names.withLock { $0.nodes[node] = made }
        return true
    }

    /// What a node is whose bytes and looks an earlier process left.
    func state(
        of entry: StagingReplay.Entry,
        _ standing: StagedNode.Standing,
        _ status: FileStatus?,
        by actor: String?
    ) -> StagedNode.State {
        let time =
            status?.modificationTime ?? entry.contentTime ?? tenant.clock().nanoseconds
        var attributes =
            entry.attributes
            ?? JournalAttributes(
                permissions: 0o644,
                uid: 0,
                gid: 0,
                mtime: time,
                mtimeIsSet: false
            )
        if !attributes.mtimeIsSet { attributes.mtime = time }
        var life = StagedFileLife(isUnborn: entry.memory == nil, limits: options.limits)
        life.handle(.written, at: options.now())
        return StagedNode.State(
            standing: standing,
            bytes: entry.file.map { StagedBytes(space.file($0), in: space) }
                ?? entry.content.map { StagedBytes($0, in: space) },
            size: status?.size ?? Int64(entry.content?.count ?? 0),
            attributes: attributes,
            ctime: time,
            life: life,
            origin: Origin(actor: actor ?? UserName.actor(of: attributes.uid), uid: attributes.uid)
        )
    }

    func status(ofFile number: UInt64) throws(LociError) -> FileStatus? {
        do throws(Errno) {
            return try space.file(number).openAnew().file.status()
        } catch .noSuchFile {
            return nil
        } catch {
            throw LociError(errno: error, subject: "staged file \(number)")
        }
    }
}
