import Blobs
import Catalog
import Loci
import SQL

/// One blob and where it is to stand.
struct Move: Sendable {
    let memory: Int64
    let revision: RevisionNumber
    let old: BlobKey
    /// The first key of the target's that is nobody else's, once it is accounted for.
    private(set) var new: BlobKey { didSet { newText = new.text } }
    private(set) var newText: String
    /// The old key as the row has it.
    let oldText: String
    /// How many keys were passed over.
    private(set) var attempt = 0
    /// Whether its blob stands under the new key, put there by this move.
    var isLinked = false
    /// What the new key is rendered from.
    let fields: MemoryFields
    let name: Name
    let size: Int64
    let hash: ContentHash

    init(
        _ misplaced: MisplacedRevision,
        _ fields: MemoryFields,
        to key: BlobKey
    ) throws(LociError) {
        memory = misplaced.memory.row
        revision = misplaced.revision.number
        oldText = misplaced.revision.blobKey
        do throws(BlobError) {
            old = try BlobKey(oldText)
        } catch {
            throw LociError(blob: error)
        }
        new = key
        newText = key.text
        self.fields = fields
        name = misplaced.memory.name
        size = misplaced.revision.size
        hash = misplaced.revision.hash
    }

    /// Takes the next key, since this one is somebody else's.
    mutating func passOver(_ tenant: Tenant, _ layout: Layout) throws(LociError) {
        attempt += 1
        new = try key(for: fields, tenant, layout)
    }

    /// The key that its content would get with these fields, after those that were passed over.
    func key(
        for fields: MemoryFields,
        _ tenant: Tenant,
        _ layout: Layout
    ) throws(LociError) -> BlobKey {
        try tenant.blobKey(
            for: fields,
            name: name,
            revision: revision,
            layout: layout,
            attempt: attempt
        )
    }

    /// Whether the target's path is the one that the blob has already.
    var isInPlace: Bool { old == new }

    /// Whether its blob stands where a row may say that it does.
    var isDone: Bool { isLinked || isInPlace }
}

/// Blobs that move together.
struct MoveBatch: Sendable {
    var moves: [Move]
    /// Those of `moves` that still have to be linked, by index.
    var leaving: [Int] = []
    let target: Layout
    /// The newest change when the keys were made.
    let asOf: ChangeNumber
    /// The run whose options say how closely to look.
    let verifying: MigrationRow?
}

/// What a transaction moved.
struct MoveCounts {
    var moved = 0
    var inPlace = 0
    var bytes: Int64 = 0

    mutating func add(_ move: Move) {
        if move.isInPlace {
            inPlace += 1
        } else {
            moved += 1
            bytes += move.size
        }
    }
}

/// Measures moves a second over about a second.
struct RateMeter {
    private var moves = 0
    private var since: Int64?

    /// Counts moves that ended at `now`.
    mutating func add(_ count: Int, _ now: Int64) {
        moves += count
        if since == nil { since = now }
    }

    /// The rate since the last time it was asked for, once a second; nil before.
    mutating func isDue(_ now: Int64) -> Double? {
        guard let since else {
            self.since = now
            return nil
        }
        let elapsed = now - since
        guard elapsed >= 1_000_000_000 else { return nil }
        defer {
            moves = 0
            self.since = now
        }
        return Double(moves) / (Double(elapsed) / 1e9)
    }
}
