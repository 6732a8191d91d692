import Catalog
import Linux
public import Model
import SQL

extension Tenant {
    /// Adds a memory; it is durable when this returns.
    ///
    /// Throws `nameTaken` where the listed layout has its path already, `invalidName`,
    /// `invalidArgument` for attributes that cannot be, `futureDate`, `pathDoesNotFit`,
    /// `nameTooLong`, `noSpace`.
    public func append(
        _ content: [UInt8],
        name: Name,
        attributes: [String: String] = [:],
        created: Timestamp? = nil,
        origin: Origin
    ) async throws(LociError) -> Memory {
        try await append(
            NewMemory(.bytes(content), name: name, attributes: attributes, created: created),
            origin: origin
        )
    }

    /// Adds a memory, as the other `append`.
    public func append(
        _ memory: NewMemory,
        origin: Origin
    ) async throws(LociError) -> Memory {
        try await work { [self] () throws(LociError) in
            try add([memory], operation: .add, origin: origin)[0].get()
        }
    }

    /// Adds a memory at a path of the listed layout, or of another live one; its directories say
    /// what attributes it gets.
    ///
    /// Those given apply where the path tells nothing.
    ///
    /// Throws like the other `append`.
    public func append(
        _ content: [UInt8],
        at path: NamePath,
        attributes: [String: String] = [:],
        origin: Origin
    ) async throws(LociError) -> Memory {
        try await work { [self] () throws(LociError) in
            let now = clock()
            let destination = try read { reader in
                try self.destination(path, reader, now: now)
            }
            var fields = try Scheme.resolve(destination.parsed, now: now) {
                store.environment.makeID(now)
            }
            fields.attributes.merge(attributes) { told, _ in told }
            let item = NewMemory(
                .bytes(content),
                name: destination.name,
                attributes: fields.attributes,
                created: fields.created
            )
            return try add(
                [item],
                ids: [fields.id],
                primary: destination.layout.number,
                operation: .add,
                origin: origin
            )[0].get()
        }
    }

    /// Adds many memories.
    ///
    /// Each is durable when this returns; one that cannot be added has its error in its place, and
    /// the others are added all the same.
    ///
    /// One transaction for each 1,000; contents are made durable for some thousands at once, and so
    /// are rows. A crash leaves a beginning of the batch added.
    ///
    /// Throws what concerns all, such as `noSpace`.
    public func append(
        contentsOf batch: [NewMemory],
        operation: Operation = .import,
        origin: Origin,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> [Result<Memory, LociError>] {
        try await work { [self] () throws(LociError) in
            defer { progress?.finish() }
            var results: [Result<Memory, LociError>] = []
            results.reserveCapacity(batch.count)
            let pipeline = Pipeline(self, batch, operation, origin)
            pipeline.start()
            defer { pipeline.stop() }
            while let prepared = try pipeline.next() {
                for part in prepared.parts(of: Self.batchSize) {
                    results += try commit(part, .normal, operation: operation, origin: origin)
                    progress?.report(Int64(results.count), of: Int64(batch.count))
                }
                // Not by the last commit: where nothing of it could be added, it has no page to sync.
                try catalog.sync()
            }
            return results
        }
    }

    /// The most memories that one transaction adds: some 50 ms of the writer lock.
    static let batchSize = 1000

    /// The most memories whose contents are made durable at once.
    static let placedAtOnce = 4000

    // MARK: Parts

    /// Memories whose contents stand under their keys, and wait for rows.
    struct Prepared: Sendable {
        struct Item: Sendable {
            var memory: NewMemory
            var fields: MemoryFields
            /// nil while it is being placed.
            var content: Result<PlacedContent, LociError>?
        }

        var items: [Item]
        /// The layout by which the caller named them; nil: the listed one.
        var primary: LayoutNumber?

        /// The same in parts of at most `count` items.
        func parts(of count: Int) -> [Prepared] {
            stride(from: 0, to: items.count, by: count).map { start in
                let end = min(items.count, start + count)
                return Prepared(
                    items: Array(items[start..<end]),
                    primary: primary
                )
            }
        }
    }

    private func add(
        _ batch: [NewMemory],
        ids: [MemoryID] = [],
        primary: LayoutNumber? = nil,
        operation: Operation,
        origin: Origin
    ) throws(LociError) -> [Result<Memory, LociError>] {
        let prepared = try prepare(batch, ids: ids, primary: primary, origin: origin)
        return try commit(prepared, .full, operation: operation, origin: origin)
    }

    /// Steps ① to ③ of new memories.
    func prepare(
        _ batch: [NewMemory],
        ids: [MemoryID] = [],
        primary: LayoutNumber? = nil,
        origin: Origin
    ) throws(LociError) -> Prepared {
        let now = clock()
        let target = try read { reader in try reader.layouts().target }
        var items: [Prepared.Item] = []
        var pending: [PendingContent] = []
        for (index, memory) in batch.enumerated() {
            let fields = MemoryFields(
                id: index < ids.count ? ids[index] : store.environment.makeID(now),
                created: memory.created ?? now,
                attributes: memory.attributes
            )
            var item = Prepared.Item(memory: memory, fields: fields, content: nil)
            do throws(LociError) {
                try Self.check(memory, now: now)
                // Where its place cannot be named, nothing is written.
                _ = try target.scheme.render(fields)
                pending.append(
                    PendingContent(
                        memory.source,
                        fields: fields,
                        name: memory.name,
                        revision: RevisionNumber(1)
                    )
                )
            } catch {
                item.content = .failure(error)
            }
            items.append(item)
        }
        var placed = try placeEach(pending, origin: origin)[...]
        for index in items.indices where items[index].content == nil {
            items[index].content = placed.popFirst()
        }
        return Prepared(items: items, primary: primary)
    }

    /// Step ④ of new memories.
    private func commit(
        _ prepared: Prepared,
        _ durability: SQLDurability,
        operation: Operation,
        origin: Origin
    ) throws(LociError) -> [Result<Memory, LociError>] {
        try catalog.write(durability, origin: origin) { tx in
            let listed = try tx.reader.layouts().listed
            let primary = prepared.primary ?? listed.number
            if let all = try self.insertAll(prepared.items, primary: primary, operation, tx) {
                return all.map { .success($0) }
            }
            return try prepared.items.map { item in
                guard let content = item.content else {
                    preconditionFailure("every item was placed or has its error")
                }
                do {
                    let content = try content.get()
                    return .success(
                        try tx.savepoint {
                            try self.insert(item, content, primary: primary, operation, tx)
                        }
                    )
                } catch let error as LociError {
                    return .failure(error)
                }
            }
        }
    }

    /// Adds all of a batch; nil where one of it cannot be, and nothing was added.
    ///
    /// What a savepoint for each costs is wanted only then.
    private func insertAll(
        _ items: [Prepared.Item],
        primary: LayoutNumber,
        _ operation: Operation,
        _ tx: CatalogTransaction
    ) throws -> [Memory]? {
        do {
            return try tx.savepoint {
                try items.map { item in
                    guard let content = item.content else {
                        preconditionFailure("every item was placed or has its error")
                    }
                    return try self.insert(item, content.get(), primary: primary, operation, tx)
                }
            }
        } catch is LociError {
            return nil
        }
    }

    private func insert(
        _ item: Prepared.Item,
        _ content: PlacedContent,
        primary: LayoutNumber,
        _ operation: Operation,
        _ tx: CatalogTransaction
    ) throws -> Memory {
        // Its fields are still those that it was placed by.
        try requirePlacing(content, in: tx)
        let memory = item.memory
        let appearance = NodeAppearance(
            permissions: memory.permissions & 0o7777,
            uid: memory.owner ?? store.owner.user,
            gid: memory.group ?? store.owner.group,
            mtime: (memory.modified ?? tx.now).nanoseconds
        )
        let row = try tx.addMemory(
            item.fields,
            name: memory.name,
            content: content,
            appearance: appearance,
            primary: primary,
            operation: operation
        )
        let listed = try tx.reader.layouts().listed
        // That it had to take another name would be a change of its own.
        let name =
            tx.newestChange == row.since
            ? nil : try tx.reader.entries(of: row.node, layouts: listed.bit).first?.name
        return Memory(
            row,
            path: NamePath(try listed.scheme.render(item.fields) + [name ?? row.name]),
            attributes: item.fields.attributes,
            size: content.size,
            hash: content.hash
        )
    }

    /// Refuses what can be seen to be wrong before anything is written.
    private static func check(_ memory: NewMemory, now: Timestamp) throws(LociError) {
        try checkName(memory.name)
        for key in memory.attributes.keys { try checkAttribute(key) }
        if let created = memory.created, created > now {
            throw LociError(
                .futureDate,
                subject: memory.name.description,
                message: "\"\(memory.name)\" claims to be made at \(created), which is still to "
                    + "come.",
                remedy: "Give a time that is past."
            )
        }
    }

    /// Refuses keys that schemes use for what is no attribute, and that nobody could type.
    package static func checkAttribute(_ key: String) throws(LociError) {
        if key == "id" || key == "created" {
            throw LociError(
                .immutableField,
                subject: key,
                message: "'\(key)' is not an attribute: a memory keeps it for life.",
                remedy: "Use another key."
            )
        }
        let isClean = key.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        guard isClean, (1...255).contains(key.utf8.count) else {
            throw .unreadable(
                key,
                as: "a key of an attribute",
                remedy: "Use 1 to 255 bytes without control characters."
            )
        }
    }
}

extension NewMemory {
    fileprivate var source: PendingContent.Source {
        switch content {
        case .bytes(let bytes): .bytes(bytes)
        case .file(let path): .copy(path)
        }
    }
}

/// Places the contents of the next batch while rows of the one before are committed.
// Safe to share: what the two threads hand over is guarded by `state`.
private final class Pipeline: Sendable {
    private let queue = HandOver<Result<Tenant.Prepared, LociError>>()
    private let place: @Sendable (Range<Int>) throws(LociError) -> Tenant.Prepared
    private let count: Int

    init(
        _ tenant: Tenant,
        _ batch: [NewMemory],
        _ operation: Operation,
        _ origin: Origin
    ) {
        count = batch.count
        place = { (range) throws(LociError) in
            try tenant.prepare(Array(batch[range]), origin: origin)
        }
    }

    func start() {
        do {
            _ = try Thread.spawn(name: "loci-place") { self.run() }
        } catch {
            queue.put(.failure(LociError(errno: error, subject: "thread")))
            queue.end()
        }
    }

    /// The next batch in order; nil after the last.
    func next() throws(LociError) -> Tenant.Prepared? { try queue.take()?.get() }

    func stop() { queue.end() }

    private func run() {
        var start = 0
        while start < count {
            let end = min(count, start + Tenant.placedAtOnce)
            let result: Result<Tenant.Prepared, LociError>
            do throws(LociError) {
                result = .success(try place(start..<end))
            } catch {
                result = .failure(error)
            }
            guard queue.put(result), (try? result.get()) != nil else { break }
            start = end
        }
        queue.end()
    }
}
