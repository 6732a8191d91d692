import Catalog
import Model

/// What one look at the change log made wrong, gathered so that each listing is dropped once.
struct NameDropper {
    /// Names of directories that ended: to be expired again later.
    private(set) var directories: [(name: Name, directory: NodeNumber)] = []
    private var listings: Set<NodeNumber> = []
    private var table: LayoutTable?
    private let invalidator: Invalidator

    init(_ invalidator: Invalidator) {
        self.invalidator = invalidator
    }

    /// Drops what one change made wrong.
    ///
    /// `known` are the names that the kernel knows of it, where
    /// this mount made it; nil for others' changes.
    mutating func follow(
        _ row: ChangeRow,
        known: Set<KnownName>?,
        _ reader: CatalogReader
    ) throws {
        let table = try reader.layouts()
        self.table = table
        switch row.operation {
        case .layoutLive, .layoutListed, .revert, .layoutRetired, .abort:
            return try followLayouts(row, table, reader)
        // A repair waits until no mount is left; one that began meanwhile may know what was wrong.
        case .snapshotRestored, .repair:
            return invalidator.dropAll()
        case .layoutBuilding, .schemeMigrated, .pause, .resume, .throttle, .setting, .snapshot,
            .snapshotDeleted, .purge, .retention,
            .backup:
            return
        default: break
        }
        // What a request below `.loci/layouts` tells the kernel of, it tells of no other view's name.
        let known = invalidator.fileSystem.layoutViewsUsed.isSet ? [] : known ?? []
        for ended in try reader.namesEnded(by: row.number) {
            try drop(ended, isEnded: true, known, table, reader)
        }
        if let memory = try row.memory.flatMap({ try reader.memory(row: $0) }) {
            try followMemory(memory, row, known, table, reader)
        }
        if let directory = row.directory {
            try followDirectory(directory, row, known, table, reader)
        }
    }

    /// Drops the listings that were gathered; after all names.
    mutating func finish() {
        guard let table else { return }
        for directory in listings { invalidator.dropListing(directory, table) }
        listings = []
    }

    // MARK: Memories

    private mutating func followMemory(
        _ memory: MemoryRow,
        _ row: ChangeRow,
        _ known: Set<KnownName>,
        _ table: LayoutTable,
        _ reader: CatalogReader
    ) throws {
        let own = row.session == invalidator.fileSystem.catalog.session
        // The kernel gives the new name what it had under the old one; where another layout's path
        // was saved over a moment ago, and this one not yet dropped, that is what was there before.
        let known = row.operation == .rename ? [] : known
        // Where another process changed content or attributes, its names too, though they stay: an
        // answer in flight may bring a file that the kernel does not know yet as it was before. What
        // is dropped of a file that it does not know is dropped of nothing; to expire a name waits
        // for lookups and listings of its directory.
        for entry in try reader.entries(of: memory.node, layouts: table.resolvable)
        where !own || entry.since == row.number || changesNames(row.operation) {
            try drop(entry, isEnded: false, known, table, reader)
            try dropNewDirectories(above: entry.directory, row.number, known, table, reader)
        }
        switch row.operation {
        case .edit, .restore, .import, .conflict:
            // Pages hold what this mount wrote itself. Attributes do not: an answer that was being
            // made may show the row before the commit, its staged file gone already.
            if own {
                invalidator.dropAttributes(memory.node)
            } else {
                invalidator.dropContent(memory.node)
            }
        default:
            if !own { invalidator.dropAttributes(memory.node) }
        }
    }

    private func changesNames(_ operation: Operation?) -> Bool {
        switch operation {
        case .edit, .set, .conflict: false
        default: true
        }
    }

    /// Directories that were made so that an entry has a place.
    private mutating func dropNewDirectories(
        above directory: NodeNumber,
        _ number: ChangeNumber,
        _ known: Set<KnownName>,
        _ table: LayoutTable,
        _ reader: CatalogReader
    ) throws {
        var current = directory
        while let own = try reader.entries(of: current, layouts: table.resolvable).first,
            own.since >= number
        {
            try drop(own, isEnded: false, known, table, reader)
            current = own.directory
        }
    }

    private mutating func followDirectory(
        _ directory: NodeNumber,
        _ row: ChangeRow,
        _ known: Set<KnownName>,
        _ table: LayoutTable,
        _ reader: CatalogReader
    ) throws {
        guard let detail = row.detail, let json = try? JSON(parsing: detail),
            let bytes = json["name"]?.nameBytes, let name = try? Name(validating: bytes)
        else {
            for own in try reader.entries(of: directory, layouts: table.resolvable) {
                try drop(own, isEnded: false, known, table, reader)
            }
            return
        }
        if known.contains(KnownName(directory: directory, name: name)) {
            // Its other views do not know what the request told the kernel of this one.
            guard invalidator.fileSystem.specialViewsUsed.isSet else { return }
            invalidator.dropElsewhere(name, in: directory, table)
            listings.insert(directory)
            return
        }
        listings.insert(directory)
        invalidator.drop(name, in: directory, .expire, table)
        // A tool's file that an import wrote over: its name leads to the same node.
        guard case .edit? = row.operation,
            let entry = try reader.entry(in: directory, named: name, layouts: .foreign)
        else { return }
        invalidator.dropContent(entry.node)
    }

    private mutating func drop(
        _ entry: CatalogEntry,
        isEnded: Bool,
        _ known: Set<KnownName>,
        _ table: LayoutTable,
        _ reader: CatalogReader
    ) throws {
        if known.contains(KnownName(directory: entry.directory, name: entry.name)) {
            // Its other views do not know what the request told the kernel of this one.
            if invalidator.fileSystem.specialViewsUsed.isSet {
                invalidator.dropElsewhere(entry.name, in: entry.directory, table)
                listings.insert(entry.directory)
            }
            return
        }
        listings.insert(entry.directory)
        guard isEnded else {
            return invalidator.drop(entry.name, in: entry.directory, .expire, table)
        }
        // A directory that is gone has no node any more: expired, so that who works in it may stay.
        if try reader.node(entry.node)?.kind == .memory {
            invalidator.drop(entry.name, in: entry.directory, .invalidate, table)
        } else {
            invalidator.drop(entry.name, in: entry.directory, .expire, table)
            directories.append((entry.name, entry.directory))
        }
    }

    // MARK: Layouts

    /// Cut-over changes listings, not names; going live, aborting and retiring change the topmost
    /// names, and with them all below.
    private mutating func followLayouts(
        _ row: ChangeRow,
        _ table: LayoutTable,
        _ reader: CatalogReader
    ) throws {
        let roots = Set(table.all.map(\.root)).union([Catalog.rootNode])
        for root in roots {
            try dropShared(root, table, reader)
        }
        if case .layoutRetired? = row.operation { try dropEnded(row, table, reader) }
        if case .abort? = row.operation { try dropEnded(row, table, reader) }
        finish()
        invalidator.dropSpecial()
        if [.layoutLive, .abort].contains(row.operation) {
            invalidator.fileSystem.expectedLayout.end()
        }
    }

    /// Expires the topmost names of the layout that is building: the kernel may have kept that they
    /// are not there, and would go on to say so, of one name longer than of another, when the
    /// layout is live.
    func expectLayout(_ reader: CatalogReader) throws {
        let table = try reader.layouts()
        guard let building = table.building else { return }
        var pending = [building.root]
        while let directory = pending.popLast() {
            try reader.listNames(
                directory,
                layouts: building.bit
            ) { name, row in
                if row.layouts.isDisjoint(with: table.resolvable) {
                    invalidator.drop(try Name(name), in: directory, .expire, table)
                } else if row.isDirectory {
                    pending.append(row.node)
                }
                return true
            }
        }
    }

    /// Drops the listing of a directory that several layouts share, and expires what in it only
    /// some of them have; then goes on with the shared directories below.
    private mutating func dropShared(
        _ directory: NodeNumber,
        _ table: LayoutTable,
        _ reader: CatalogReader
    ) throws {
        listings.insert(directory)
        let all = table.all.filter { $0.state != .building && $0.state != .cleared }
            .reduce(LayoutSet()) { $0.union($1.bit) }
        var shared: [NodeNumber] = []
        try reader.listNames(directory, layouts: all) { name, row in
            let live = table.liveLayouts.filter { row.layouts.contains($0.bit) }
            if row.isDirectory, live.count > 1 { shared.append(row.node) }
            if live.count < table.liveLayouts.count {
                let name = try Name(name)
                invalidator.drop(name, in: directory, .expire, table)
                if row.isDirectory { directories.append((name, directory)) }
            }
            return true
        }
        for below in shared { try dropShared(below, table, reader) }
    }

    /// The names of an ended layout whose rows are cleared already, in directories that live on.
    private mutating func dropEnded(
        _ row: ChangeRow,
        _ table: LayoutTable,
        _ reader: CatalogReader
    ) throws {
        for entry in try reader.namesEnded(by: row.number)
        where try reader.node(entry.directory) != nil {
            try drop(entry, isEnded: true, [], table, reader)
        }
    }
}
