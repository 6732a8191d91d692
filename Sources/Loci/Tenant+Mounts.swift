package import Catalog
import Linux
public import Model
import SQL

extension Tenant {
    /// The mounts that run, by the time they began.
    public func mounts() throws(LociError) -> [MountInfo] {
        let sessions = try read { reader in try reader.sessions() }
        var live: [MountInfo] = []
        for session in sessions where try isLive(session.id) {
            live.append(
                MountInfo(
                    pid: session.pid,
                    mountPoint: session.mountPoint,
                    options: session.options,
                    started: session.started,
                    keeper: session.keeper,
                    restarts: session.restarts,
                    lastDeath: session.lastDeath,
                    session: session.id
                )
            )
        }
        return live
    }

    /// Whether a session's process lives: it holds the lock of its staging folder.
    package func isLive(_ session: String) throws(LociError) -> Bool {
        let path = "\(directory)/staging/\(session)/lock"
        do throws(Errno) {
            return try FileLock(try File.open(path, [.readWrite])).isHeldElsewhere()
        } catch .noSuchFile {
            return false
        } catch {
            throw LociError(store: error, at: path)
        }
    }

    /// Asks running mounts to commit what was written through them, so that a command sees it.
    ///
    /// Does nothing where no mount runs. Waits for answers, at most `timeout`; a file that is being
    /// written stays uncommitted. Blocks.
    ///
    /// Returns the mounts that did not answer in time.
    @discardableResult
    public func askMountsToCommit(
        timeout: Duration = Tenant.mountPatience
    ) throws(LociError) -> [MountInfo] {
        try askMounts(.commit, timeout: timeout)
    }

    /// How long a command waits for what mounts are asked for.
    public static let mountPatience: Duration = .milliseconds(200)

    /// Asks running mounts for something and waits until they did it, at most `timeout`.
    ///
    /// Blocks.
    ///
    /// Returns the mounts that did not answer in time.
    package func askMounts(
        _ kind: RequestKind,
        timeout: Duration = Tenant.mountPatience
    ) throws(LociError) -> [MountInfo] {
        let live = try mounts().filter { $0.session != session }
        guard !live.isEmpty else { return [] }
        let origin = Origin(actor: "loci", uid: EffectiveUser.id, pid: RunningProcess.current.id)
        // Before asking: an answer is a commit.
        let watch = try? FileWatch(directory + "/wake")
        let asked = try catalog.write(.normal, origin: origin) { tx in
            try live.map { mount in (mount, try tx.request(kind, of: mount.session)) }
        }
        let deadline = SystemClock.monotonic() + timeout.wholeNanoseconds
        while true {
            let waiting = try read { reader in
                try asked.filter { try reader.isWaiting($0.1) }.map(\.0)
            }
            let left = deadline - SystemClock.monotonic()
            if waiting.isEmpty || left <= 0 { return waiting }
            switch watch {
            // It may tell nothing, as where the mount may not set times.
            case .some(let watch)
            where (try? watch.wait(timeout: .nanoseconds(min(left, 20_000_000)))) != nil: break
            // Where nothing can be watched, looking once in a while must do.
            default: SystemClock.sleep(.milliseconds(1))
            }
        }
    }
}
