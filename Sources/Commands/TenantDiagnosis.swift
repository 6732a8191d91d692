import Linux
import Loci
import Migration

/// Looks at one tenant, and changes nothing.
struct TenantDiagnosis {
    /// A WAL grows so far only where a reader keeps it from being emptied.
    private static let largeLog: Int64 = 128 << 20

    private let tenant: Tenant
    private var found: Diagnoses

    private init(_ tenant: Tenant) {
        self.tenant = tenant
        found = Diagnoses(of: tenant.id.rawValue)
    }

    static func look(at tenant: Tenant) -> [Diagnosis] {
        var diagnosis = TenantDiagnosis(tenant)
        diagnosis.files()
        diagnosis.database()
        diagnosis.mounts()
        diagnosis.locks()
        diagnosis.staging()
        diagnosis.migration()
        diagnosis.search()
        diagnosis.clock()
        diagnosis.history()
        return diagnosis.found.all
    }

    // MARK: Files

    private mutating func files() {
        found.look(at: "files") { [tenant] found in
            let others = try tenant.foreignOwned()
            if let first = others.first {
                found.fail(
                    "files",
                    "\(Grouped.counted(others.count, "file")) of another user, such as \(first).",
                    "As root: chown -R --reference \(tenant.store.path) \(tenant.directory)"
                )
            } else if try tenant.isOpenToOthers() {
                found.warn(
                    "files",
                    "Others than the owner may look into \(tenant.directory).",
                    "chmod 700 \(tenant.directory)"
                )
            } else if !tenant.canStageNameless() {
                found.fail(
                    "files",
                    "The file system cannot make files without a name (O_TMPFILE).",
                    "Move the store to another file system, such as ext4, XFS or Btrfs."
                )
            } else {
                found.ok("files", "All belong to the owner, and to nobody else.")
            }
        }
    }

    private mutating func database() {
        let size = tenant.logSize
        if size > Self.largeLog {
            found.warn(
                "database",
                "\(ByteCount(size)) of its log wait to be brought in: a reader stands in the way.",
                "End commands that read for long; a later commit then empties it."
            )
        } else {
            found.ok("database", "\(ByteCount(size)) of its log wait to be brought in.")
        }
    }

    // MARK: Processes

    private mutating func mounts() {
        found.look(at: "mounts") { [tenant] found in
            let live = try tenant.mounts()
            let dead = try tenant.deadMounts()
            for mount in dead {
                found.warn(
                    "mounts",
                    "Process \(mount.process), which served \(mount.mountPoint), is gone.",
                    "Mount it again: that commits what it had."
                )
            }
            for mount in try tenant.givenUpMounts() {
                found.warn(
                    "mounts",
                    "\(mount.mountPoint) was given up on: \(mount.reason).",
                    "Mount it again."
                )
            }
            if dead.isEmpty {
                let places = live.map(\.mountPoint).joined(separator: ", ")
                found.ok("mounts", live.isEmpty ? "None." : "At \(places).")
            }
        }
    }

    /// A lock is gone with its process: what is held, somebody holds.
    private mutating func locks() {
        found.look(at: "locks") { [tenant] found in
            let held = try tenant.lockHolders()
            let stopped = held.filter { held in
                held.holder.map { RunningProcess(id: $0.process).isStopped } ?? false
            }
            for (lock, holder) in stopped {
                found.fail(
                    "locks",
                    "\(lock) is held by process \(holder?.process ?? 0), which is stopped.",
                    "Let it go on (kill -CONT), or end it."
                )
            }
            guard stopped.isEmpty else { return }
            let words = held.map { lock, holder in
                "\(lock) by \(holder.map { "\($0.command) (process \($0.process))" } ?? "somebody")"
            }
            found.ok("locks", words.isEmpty ? "None is held." : words.joined(separator: ", ") + ".")
        }
    }

    private mutating func staging() {
        found.look(at: "staging") { [tenant] found in
            let left = try tenant.leftStaging()
            guard !left.isEmpty else {
                return found.ok("staging", "Nothing was left by killed mounts.")
            }
            let files = left.reduce(0) { $0 + $1.files }
            found.warn(
                "staging",
                "\(Grouped.counted(left.count, "killed mount")) left "
                    + "\(Grouped.counted(files, "file")) uncommitted.",
                "Mount the tenant: that commits them."
            )
        }
    }

    // MARK: Work that waits

    private mutating func migration() {
        found.look(at: "migration") { [tenant] found in
            let status = try Migrator(tenant).status()
            let stuck = status.waits.filter { [.nobody, .errors].contains($0.kind) }
            for wait in stuck {
                let remedy =
                    wait.kind == .nobody
                    ? "Mount the tenant, or: loci migrate run" : "loci migrate errors"
                found.warn("migration", wait.message, remedy)
            }
            if stuck.isEmpty { found.ok("migration", "\(status.state.rawValue).") }
        }
    }

    private mutating func search() {
        found.look(at: "search") { [tenant] found in
            let status = try tenant.searchStatus()
            if !status.isOn {
                found.ok("search", "No index is kept.")
            } else if status.unread > 0 {
                found.warn(
                    "search",
                    "\(Grouped.counted(status.unread, "memory", "memories")) could not be read.",
                    "See why with: loci fsck, then: loci reindex"
                )
            } else {
                found.ok(
                    "search",
                    "\(Grouped.counted(status.waiting, "text")) wait for the next search."
                )
            }
        }
    }

    // MARK: Time

    /// Times order history: a clock that went back would put what comes before what was.
    private mutating func clock() {
        found.look(at: "clock") { [tenant] found in
            let now = Timestamp(nanoseconds: SystemClock.realtime())
            guard let newest = try tenant.newestChangeTime(), newest > now + .seconds(60) else {
                return found.ok("clock", "\(now).")
            }
            found.fail(
                "clock",
                "It is \(now) here, and the newest change was made at \(newest).",
                "Set the clock of this machine."
            )
        }
    }

    private mutating func history() {
        found.look(at: "history") { [tenant] found in
            let summary = try tenant.historySummary()
            if summary.retention == .zero {
                found.warn(
                    "history",
                    "Nothing of the past is kept: what is overwritten or deleted is gone with a gc.",
                    "Keep some with: loci retention 90d"
                )
            } else {
                found.ok("history", summary.sentence)
            }
        }
    }
}
