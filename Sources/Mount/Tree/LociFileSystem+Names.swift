import Catalog
package import FUSE
import Glibc
import Linux
import Loci
import Model
import SQL

// Making names. Each answer tells the kernel of one name; the change log tells the
// invalidation of all others.
extension LociFileSystem {
    /// One write transaction of a request; `known` are the names that its answer tells the kernel.
    func change<R>(
        by caller: Caller,
        known: [KnownName],
        _ body: (CatalogTransaction) throws -> R
    ) throws -> R {
        Request.passTurn()
        let (result, before, last) = try catalog.write(
            .normal,
            origin: caller.origin,
            request: caller.request
        ) { transaction in
            transaction.holdsNames = staging.hasNames
            let before = transaction.newestChange
            let result = try body(transaction)
            return (result, before, transaction.newestChange)
        }
        ownChanges.register(after: before, through: last, known: known)
        return result
    }

    /// Runs `body` again where a file was born while it ran: it then dispatches anew.
    func again<R>(_ body: () throws -> R) throws -> R {
        for _ in 0..<3 {
            do {
                return try body()
            } catch let error as LociError where error.code == .wrongState {}
        }
        return try body()
    }

    /// Whether a name here is a tool's: a foreign name, or any below a foreign directory.
    func isForeign(
        _ name: Name,
        asDirectory: Bool = false,
        in set: LayoutSet
    ) -> Bool {
        if set == .foreign { return true }
        return asDirectory
            ? ForeignNames.isForeignDirectory(name) : ForeignNames.isForeign(name)
    }

    package func mknod(
        _ request: consuming Request,
        parent: NodeID,
        name: RawSpan,
        mode: UInt32,
        device: UInt64
    ) {
        let attempt = Attempt(request, parent, try? Name(name))
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            if let done = try doneEntry(request, name, in: parent, thread) {
                return request.reply(done)
            }
            guard mode & S_IFMT == S_IFREG else {
                throw LociError(
                    .notPermitted,
                    subject: "file",
                    message: "Only plain files, directories and foreign symbolic links can be made"
                )
            }
            let made = try makeFile(
                try Name(name),
                in: Place(parent),
                mode & 0o7777,
                caller(of: request),
                thread
            )
            request.reply(
                KernelEntry(made, nameTimeout: Self.long, attributeTimeout: Self.long)
            )
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    private func makeFile(
        _ name: Name,
        in place: Place,
        _ permissions: UInt32,
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws -> Attributes {
        let reader = try thread.current()
        let directory = try writableDirectory(place, reader)
        let set = try livingLayouts(of: directory, reader)
        try checkDeletes(directory, nil, reader)
        try refuseTaken(name, in: directory, reader)
        if isForeign(name, in: set) {
            return try makeForeign(
                name,
                in: directory,
                mode: S_IFREG | permissions,
                caller,
                target: nil
            )
        }
        let naming = try Naming(directory, having: set, reader, now: tenant.clock())
        do {
            let layout = try naming.layout(forFile: name)
            let unborn = try staging.create(
                name,
                in: directory.number,
                view: layout,
                permissions: permissions,
                by: caller,
                reader
            )
            expireElsewhere(name, in: directory)
            return appearance(of: unborn.node, unborn.attributes)
        } catch let error as LociError where options.foreign == .all && error.isMisfit {
            return try makeForeign(
                name,
                in: directory,
                mode: S_IFREG | permissions,
                caller,
                target: nil
            )
        }
    }

    private func refuseTaken(
        _ name: Name,
        in directory: Directory,
        _ reader: CatalogReader
    ) throws {
        guard
            try reader.entry(
                in: directory.number,
                named: name,
                layouts: directory.table.resolvable
            ) == nil
        else { throw LociError.nameTaken(name) }
    }

    package func mkdir(
        _ request: consuming Request,
        parent: NodeID,
        name: RawSpan,
        mode: UInt32
    ) {
        let attempt = Attempt(request, parent, try? Name(name))
        let thread = thread(attempt.thread)
        defer { finish(thread) }
        do {
            if let done = try doneEntry(request, name, in: parent, thread) {
                return request.reply(done)
            }
            if Place(parent) == .special(.snapshots) {
                let caller = caller(of: request)
                return request.reply(try takeSnapshot(try Name(name), caller, thread))
            }
            let made = try makeDirectory(
                try Name(name),
                in: Place(parent),
                mode & 0o7777,
                caller(of: request),
                thread
            )
            request.reply(
                KernelEntry(made, nameTimeout: Self.long, attributeTimeout: Self.long)
            )
        } catch {
            request.fail(errno(of: error, attempt))
        }
    }

    private func makeDirectory(
        _ name: Name,
        in place: Place,
        _ permissions: UInt32,
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws -> Attributes {
        let reader = try thread.current()
        let directory = try writableDirectory(place, reader)
        let set = try livingLayouts(of: directory, reader)
        try checkDeletes(directory, nil, reader)
        try refuseTaken(name, in: directory, reader)
        if isForeign(name, asDirectory: true, in: set) {
            return try makeForeign(
                name,
                in: directory,
                mode: S_IFDIR | permissions,
                caller,
                target: nil
            )
        }
        let layout: Layout
        do {
            let naming = try Naming(directory, having: set, reader, now: tenant.clock())
            layout = try naming.layout(forDirectory: name)
        } catch let error as LociError where options.foreign == .all && error.isMisfit {
            return try makeForeign(
                name,
                in: directory,
                mode: S_IFDIR | permissions,
                caller,
                target: nil
            )
        }
        let known = [KnownName(directory: directory.number, name: name)]
        let node = try change(by: caller, known: known) { transaction in
            try transaction.makePartition(name, in: directory.number, layout: layout)
        }
        return try appearance(of: node, id: directory.id(of: node.number))
    }

    package func link(
        _ request: consuming Request,
        node: NodeID,
        newParent: NodeID,
        newName: RawSpan
    ) {
        let attempt = Attempt(request, newParent, try? Name(newName))
        let error = LociError(
            .notPermitted,
            subject: "file",
            message: "A memory has one name in each layout: hard links cannot be made",
            remedy: "Copy it with cp, or change its attributes"
        )
        request.fail(errno(of: error, attempt))
    }
}

extension CatalogTransaction {
    /// The memory that a name led to a moment ago.
    ///
    /// Throws `wrongState` where its names lead to another node by now: a commit gave the name that
    /// was read to another memory, and whoever asks has to look again.
    func memory(_ row: Int64, still node: NodeNumber) throws -> MemoryRow {
        guard let memory = try reader.memory(row: row), memory.trashed == nil, memory.node == node
        else {
            throw LociError(
                .wrongState,
                subject: "node \(node)",
                message: "The file changed places with another one meanwhile.",
                remedy: "Look it up again."
            )
        }
        return memory
    }
}

extension LociError {
    static func isDirectory(_ name: Name) -> LociError {
        LociError(
            .isADirectory,
            subject: name.description,
            message: "\"\(name)\" is a directory"
        )
    }

    static func notEmpty(_ name: Name) -> LociError {
        LociError(
            .notEmpty,
            subject: name.description,
            message: "The directory \"\(name)\" is not empty"
        )
    }

    /// Whether a path fits no scheme, for whatever reason.
    var isMisfit: Bool { [.pathDoesNotFit, .futureDate, .notUTF8].contains(code) }
}
