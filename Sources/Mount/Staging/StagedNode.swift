import Catalog
import Linux
import Model
import Synchronization

/// A node with content or a name that no row has yet.
///
/// ```
/// io      held while bytes are copied, written or sealed: by writers and the committer
/// state   held for a few instructions: readers take this one only
/// ```
///
/// Lock order: `io`, then the names of `Staging`, then `state`.
final class StagedNode: Sendable {
    /// What the node is.
    enum Standing: Hashable, Sendable {
        /// Not yet a memory.
        ///
        /// `recalls`: the memory whose next revision it will be.
        case unborn(StagedPlace, recalls: Int64?)
        /// An unborn file that was unlinked: kept as long as somebody has it open.
        case nameless
        case memory(Int64, base: RevisionNumber)
        /// Recovered: its session ended while it was being renamed over a memory.
        case replacing(Int64)
        /// No longer staged: who has a reference looks the node up again.
        case gone
    }

    struct State {
        var standing: Standing
        /// nil: nothing was written yet.
        var bytes: StagedBytes?
        var size: Int64 = 0
        var attributes: JournalAttributes
        var ctime: Int64
        var life: StagedFileLife
        /// Rises before each change of the bytes.
        var changes: UInt64 = 0
        /// What the bytes hash to as of one count of changes.
        var known: (changes: UInt64, hash: ContentHash)?
        /// Whether `bytes` are being committed, or were once: who writes makes a copy first.
        var isSealed = false
        var isCommitting = false
        /// Whether all that was written is durable.
        var isSynced = false
        /// Whether a memory's names were given to it, by a transaction that nobody may have synced.
        var hasNewName = false
        /// Whether the machine restarted since it was written and nobody had synced it.
        var isDoubtful = false
        /// Whether an earlier session left it.
        var isRecovered = false
        /// Who wrote last.
        var origin: Origin
        var failure: LociError?
    }

    let node: NodeNumber
    let io = Lock()
    let state: Mutex<State>

    init(_ node: NodeNumber, _ state: State) {
        self.node = node
        self.state = Mutex(state)
    }
}

extension StagedNode.State {
    var isUnborn: Bool {
        switch standing {
        case .unborn, .nameless, .replacing: true
        case .memory, .gone: false
        }
    }

    /// Whether reads and attributes come from here.
    var isVisible: Bool {
        switch standing {
        case .unborn, .nameless, .replacing: true
        case .memory: bytes != nil
        case .gone: false
        }
    }

    var place: StagedPlace? {
        if case .unborn(let place, _) = standing { place } else { nil }
    }

    /// The file that it is under its name; nil where it has none that no row has.
    func unborn(_ node: NodeNumber) -> Unborn? {
        place.map { place in
            Unborn(
                node: node,
                directory: place.directory,
                name: place.name,
                position: place.position,
                attributes: shown,
                replaces: place.replaces
            )
        }
    }

    var shown: StagedAttributes {
        StagedAttributes(
            size: size,
            mtime: attributes.mtime,
            ctime: ctime,
            permissions: isUnborn ? attributes.permissions : nil,
            uid: isUnborn ? attributes.uid : nil,
            gid: isUnborn ? attributes.gid : nil
        )
    }

    /// Sets what is given; nil where it is not for staging to keep.
    mutating func set(
        _ permissions: UInt32?,
        _ uid: UInt32?,
        _ gid: UInt32?,
        _ mtime: Int64?,
        ctime: Int64
    ) -> JournalAttributes? {
        guard isVisible else { return nil }
        self.ctime = ctime
        isSynced = false
        if let mtime {
            attributes.mtime = mtime
            attributes.mtimeIsSet = true
        }
        if isUnborn {
            if let permissions { attributes.permissions = permissions & 0o7777 }
            if let uid { attributes.uid = uid }
            if let gid { attributes.gid = gid }
        }
        return attributes
    }

    /// What the committer would do with it at `now`.
    func action(at now: Moment) -> StagedFileLife.Action {
        guard !isCommitting, standing != .nameless, standing != .gone else { return .rest }
        return life.action(at: now, size: size)
    }

    func action(at now: Moment, on demand: StagedFileLife.Demand) -> StagedFileLife.Action {
        guard !isCommitting, standing != .nameless, standing != .gone else { return .rest }
        return life.action(at: now, on: demand)
    }
}
