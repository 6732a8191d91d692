import Catalog
import Linux
package import Model
import SQL

/// A file, directory or link that tools keep beside memories, to be taken in.
package struct NewForeign: Sendable {
    package enum Content: Sendable {
        case directory
        /// A file to copy the bytes of: an absolute path.
        case file([UInt8])
    }

    /// Where the listed layout is to have it.
    package var path: NamePath
    package var content: Content
    package var permissions: UInt32
    /// Nanoseconds since 1970.
    package var modified: Int64

    package init(path: NamePath, content: Content, permissions: UInt32, modified: Int64) {
        self.path = path
        self.content = content
        self.permissions = permissions
        self.modified = modified
    }
}

/// What became of a foreign file.
package enum ForeignOutcome: Hashable, Sendable {
    case added
    case updated
    /// It was there already, with the same bytes.
    case equal
    /// It was there already, with other bytes, which stay.
    case differs
}

extension Tenant {
    /// Makes directories of the listed layout where they are missing, all or none.
    package func makeDirectories(_ paths: [NamePath], origin: Origin) throws(LociError) {
        guard !paths.isEmpty else { return }
        try catalog.write(.full, origin: origin) { transaction in
            let listed = try transaction.reader.layouts().listed
            for path in paths {
                let known = try transaction.reader.resolve(
                    path.names,
                    from: listed.root,
                    layouts: listed.bit
                )
                if known != nil { continue }
                let since = try Self.announce(.mkdir, path, transaction)
                _ = try transaction.ensureDirectory(path.names, of: listed, since: since)
            }
        }
    }

    /// How many foreign files and links there are, in directories of any layout, also ended ones.
    package func foreignFileCount() throws(LociError) -> Int {
        try catalog.read { reader in try reader.foreignFiles().count }
    }

    /// How many foreign files, directories and links there are.
    package func foreignCount() throws(LociError) -> Int {
        try catalog.read { reader in
            try reader.statement("SELECT count(*) FROM node WHERE kind = 3").first {
                row throws(SQLError) in Int(row.integer(0))
            } ?? 0
        }
    }

    /// Removes a directory of the listed layout and those below it, as far as they are empty.
    package func removeDirectories(under path: NamePath, origin: Origin) throws(LociError) {
        try catalog.write(.full, origin: origin) { transaction in
            let listed = try transaction.reader.layouts().listed
            let set = listed.bit.union(.foreign)
            guard
                let entry = try transaction.reader.resolve(
                    path.names,
                    from: listed.root,
                    layouts: set
                )
            else { return }
            try Self.removeEmpty(entry, listed, transaction)
        }
    }

    private static func removeEmpty(
        _ entry: Entry,
        _ listed: Layout,
        _ transaction: CatalogTransaction
    ) throws {
        let reader = transaction.reader
        guard try reader.node(entry.node)?.kind == .directory else { return }
        var below: [Entry] = []
        let set = listed.bit.union(.foreign)
        try reader.list(entry.node, layouts: set) { entry, _ in
            below.append(entry)
            return true
        }
        for entry in below { try removeEmpty(entry, listed, transaction) }
        guard try !reader.hasEntries(entry.node, layouts: set) else { return }
        try transaction.removeDirectory(entry, view: listed)
    }

    /// Takes foreign files in, each with its bytes, permissions and time.
    ///
    /// Their bytes are durable before the rows that name them. Blocks: for files, and for the
    /// writer lock.
    ///
    /// `update`: gives what differs the new bytes; else it stays and is reported.
    package func keepForeign(
        _ files: [NewForeign],
        update: Bool,
        origin: Origin
    ) throws(LociError) -> [Result<ForeignOutcome, LociError>] {
        let reader = try catalog.makeReader()
        let kept = try foreignDirectory()
        var plans: [ForeignPlan] = []
        for file in files { plans.append(plan(file, update: update, kept, reader)) }
        let fresh = plans.filter { $0.node == nil && $0.result == nil }.count
        var numbers = try catalog.write(.normal, origin: origin) { transaction in
            transaction.reserveNodeNumbers(fresh)
        }
        for index in plans.indices where plans[index].result == nil {
            if plans[index].node == nil { plans[index].node = numbers.popFirst() }
            Self.stage(&plans[index], in: kept)
        }
        try syncForeign(kept)
        try catalog.write(.full, origin: origin) { transaction in
            for index in plans.indices where plans[index].result == nil {
                do {
                    plans[index].result = .success(
                        try transaction.savepoint { try Self.record(plans[index], transaction) }
                    )
                } catch let error as LociError {
                    plans[index].result = .failure(error)
                }
            }
        }
        return plans.map { $0.result ?? .success(.equal) }
    }

    private struct ForeignPlan {
        let file: NewForeign
        /// The node that it has, or gets.
        var node: UInt64?
        var isNew: Bool
        var size: Int64 = 0
        var result: Result<ForeignOutcome, LociError>?
    }

    private func plan(
        _ file: NewForeign,
        update: Bool,
        _ kept: borrowing File,
        _ reader: CatalogReader
    ) -> ForeignPlan {
        var plan = ForeignPlan(file: file, isNew: true)
        do {
            let listed = try reader.layouts().listed
            let set = listed.bit.union(.foreign)
            guard
                let entry = try reader.resolve(
                    file.path.names,
                    from: listed.root,
                    layouts: set
                ),
                let node = try reader.node(entry.node)
            else { return plan }
            plan.isNew = false
            plan.node = entry.node.rawValue
            switch file.content {
            case .directory where node.kind == .foreign && node.mode & 0o170000 == 0o040000:
                plan.result = .success(.equal)
            case .file(let path) where node.kind == .foreign && node.mode & 0o170000 == 0o100000:
                let own = try kept.openBeneath("\(entry.node)")
                if try Self.haveEqualBytes(try File.open(path), own) {
                    plan.result = .success(.equal)
                } else if !update {
                    plan.result = .success(.differs)
                }
            default:
                throw LociError(
                    .nameTaken,
                    subject: file.path.description,
                    message: "'\(file.path)' is there already, and is something else.",
                    remedy: "Move one of them away."
                )
            }
        } catch {
            plan.result = .failure(LociError(catalogError: error, subject: "\(file.path)"))
        }
        return plan
    }

    private static func haveEqualBytes(
        _ first: borrowing File,
        _ second: borrowing File
    ) throws(Errno) -> Bool {
        guard try first.status().size == second.status().size else { return false }
        var offset: Int64 = 0
        while true {
            let piece = try first.read(count: 1 << 18, at: offset)
            guard piece == (try second.read(count: 1 << 18, at: offset)) else { return false }
            if piece.isEmpty { return true }
            offset += Int64(piece.count)
        }
    }

    /// Copies the bytes beside, and renames them over: no crash leaves half a file.
    private static func stage(_ plan: inout ForeignPlan, in kept: borrowing File) {
        guard case .file(let source) = plan.file.content, let number = plan.node else { return }
        do throws(Errno) {
            let (name, new) = ("\(number)", "\(number).new")
            let bytes = try File.open(source, [.readOnly, .noFollow])
            do throws(Errno) {
                // A crash left it.
                try kept.unlink(new)
            } catch .noSuchFile {}
            let copy = try kept.openBeneath(
                new,
                [.readWrite, .create, .exclusive],
                mode: 0o600
            )
            plan.size = try bytes.copyContents(to: copy)
            try copy.setPermissions(plan.file.permissions & 0o7777)
            try copy.setTimes(modification: plan.file.modified)
            try kept.rename(new, to: kept, name)
        } catch {
            plan.result = .failure(LociError(errno: error, subject: plan.file.path.description))
        }
    }

    /// Where the bytes are: `STORE/<tenant>/foreign`.
    func foreignDirectory() throws(LociError) -> File {
        do throws(Errno) {
            return try File.open(directory + "/foreign", [.readOnly, .directory, .noFollow])
        } catch {
            throw LociError(errno: error, subject: directory + "/foreign")
        }
    }

    private func syncForeign(_ kept: borrowing File) throws(LociError) {
        do throws(Errno) {
            try kept.syncFileSystem()
        } catch {
            throw LociError(errno: error, subject: directory + "/foreign")
        }
    }

    private static func record(
        _ plan: ForeignPlan,
        _ transaction: CatalogTransaction
    ) throws -> ForeignOutcome {
        guard let number = plan.node.map({ NodeNumber($0) }) else { return .equal }
        if plan.isNew {
            try add(plan, number, transaction)
            return .added
        }
        guard var node = try transaction.reader.node(number) else { return .equal }
        node.size = plan.size
        node.mtime = plan.file.modified
        node.ctime = transaction.now.nanoseconds
        _ = try announce(.edit, plan.file.path, transaction)
        try transaction.update(node)
        return .updated
    }

    private static func add(
        _ plan: ForeignPlan,
        _ number: NodeNumber,
        _ transaction: CatalogTransaction
    ) throws {
        let listed = try transaction.reader.layouts().listed
        let names = plan.file.path.names
        guard let name = names.last else { return }
        let since = try announce(.add, plan.file.path, transaction)
        let parent = try foreignParent(names.dropLast(), listed, since, transaction)
        let isDirectory = if case .directory = plan.file.content { true } else { false }
        let node = Node(
            number: number,
            kind: .foreign,
            size: plan.size,
            mode: (isDirectory ? 0o040000 : 0o100000) | plan.file.permissions,
            uid: EffectiveUser.id,
            gid: EffectiveUser.group,
            mtime: plan.file.modified,
            ctime: transaction.now.nanoseconds
        )
        try transaction.insert(node)
        try transaction.link(number, in: parent, as: name, layouts: .foreign, since: since)
    }

    /// Records a change at a path by the topmost name that it makes, or by the last where all are
    /// there: that one is wrong in a mount's caches, and with it all beneath.
    private static func announce(
        _ operation: Operation,
        _ path: NamePath,
        _ transaction: CatalogTransaction
    ) throws -> ChangeNumber {
        let reader = transaction.reader
        let listed = try reader.layouts().listed
        let set = listed.bit.union(.foreign)
        var directory = listed.root
        var name = path.names.first
        for below in path.names.dropFirst() {
            guard let current = name,
                let entry = try reader.entry(in: directory, named: current, layouts: set)
            else { break }
            directory = entry.node
            name = below
        }
        var members = [JSON.Member("path", JSON(path: path))]
        if let name { members.append(JSON.Member("name", JSON(name: name))) }
        return try transaction.record(
            operation,
            directory: directory,
            detail: JSON.object(members).text()
        )
    }

    /// The directory that is to hold a foreign file: partitions are made as far as they are
    /// missing, and below the first foreign directory all are foreign.
    private static func foreignParent(
        _ names: ArraySlice<Name>,
        _ listed: Layout,
        _ since: ChangeNumber,
        _ transaction: CatalogTransaction
    ) throws -> NodeNumber {
        let partitions = names.prefix { !ForeignNames.isForeignDirectory($0) }
        var current = try transaction.ensureDirectory(
            Array(partitions),
            of: listed,
            since: since
        )
        for name in names.dropFirst(partitions.count) {
            if let entry = try transaction.reader.entry(
                in: current,
                named: name,
                layouts: .foreign
            ) {
                current = entry.node
                continue
            }
            let now = transaction.now.nanoseconds
            let node = Node(
                number: transaction.newNodeNumber(),
                kind: .foreign,
                mode: 0o040755,
                uid: EffectiveUser.id,
                gid: EffectiveUser.group,
                mtime: now,
                ctime: now
            )
            try transaction.insert(node)
            try transaction.link(
                node.number,
                in: current,
                as: name,
                layouts: .foreign,
                since: since
            )
            current = node.number
        }
        return current
    }
}
