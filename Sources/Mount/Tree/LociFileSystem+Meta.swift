import Catalog
import FUSE
import Glibc
import Model

// `.loci/meta/<path>`: each memory's metadata as JSON, under its path in the listed layout.
extension LociFileSystem {
    func metaDirectory(
        _ number: NodeNumber,
        _ reader: CatalogReader
    ) throws -> Directory? {
        let table = try reader.layouts()
        let isRoot = number == mainRoot(table)
        return try directory(isRoot ? .root : .node(number), reader)
    }

    func findMeta(
        _ name: Name,
        in number: NodeNumber,
        _ thread: ThreadReader
    ) throws -> KernelEntry? {
        let reader = try thread.current()
        guard let directory = try metaDirectory(number, reader),
            let entry = try reader.entry(
                in: number,
                named: name,
                layouts: directory.resolvable.subtracting(.foreign)
            ),
            let node = try reader.node(entry.node)
        else { return nil }
        if node.kind == .directory {
            let shown = try appearance(of: node, id: Place.meta(node.number).id)
            return KernelEntry(shown, nameTimeout: .seconds(1), attributeTimeout: Self.long)
        }
        guard let row = node.memory, let memory = try reader.memory(row: row) else { return nil }
        return make(
            try metadata(of: memory, reader).bytes(.pretty) + [UInt8(ascii: "\n")],
            mode: S_IFREG | node.mode & 0o666,
            owner: node,
            edits: .memory(row)
        )
    }

    /// Foreign files have neither metadata nor history.
    ///
    /// `type`: what all names are; nil for what their nodes are.
    func listMeta(
        _ number: NodeNumber,
        _ cursor: ListingCursor,
        as type: UInt32? = nil,
        into listing: inout DirectoryBuffer,
        _ reader: CatalogReader
    ) throws {
        guard let directory = try metaDirectory(number, reader) else { return }
        let slot: Int
        if case .after(let began, _, _) = cursor {
            slot = began
        } else {
            let set = try layouts(of: directory, reader)
            guard
                let layout = directory.table.layout(
                    forDirectoryIn: set,
                    preferring: directory.preferred
                )
            else { return }
            slot = layout.slot
        }
        guard directory.table.liveLayouts.contains(where: { $0.slot == slot }) else { return }
        let set = LayoutSet(slot: slot)
        try reader.listNames(number, layouts: set, after: cursor.position) { name, row in
            listing.add(
                name: name,
                node: NodeID(row.node.rawValue),
                mode: type ?? row.type,
                cookie: ListingCursor.after(slot: slot, row.position).cookie
            )
        }
    }

    private func metadata(of memory: MemoryRow, _ reader: CatalogReader) throws -> JSON {
        let table = try reader.layouts()
        let revision = try reader.revision(of: memory.row, memory.revision)
        let paths = try table.liveLayouts.map { layout in
            JSON.Member(
                "\(layout.number)",
                try reader.path(of: memory, in: layout).map { JSON(path: NamePath($0)) } ?? .null
            )
        }
        return .object([
            .init("id", .string(memory.id.description)),
            .init("name", JSON(name: memory.name)),
            .init("attributes", JSON(attributes: try reader.attributes(of: memory.row))),
            .init("created", .string(memory.created.description)),
            .init("updated", .string(memory.updated.description)),
            .init("revision", .integer(Int64(memory.revision.rawValue))),
            .init("size", .integer(revision?.size ?? 0)),
            .init("sha256", .string(revision?.hash.description ?? "")),
            .init("paths", .object(paths)),
        ])
    }

    /// Does what writing a file that Loci made means.
    func writeGenerated(
        _ number: UInt64,
        _ bytes: RawSpan,
        at offset: Int64,
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws {
        guard let content = generated.content(of: number) else { throw Self.staleNode }
        switch content.edits {
        case .nothing: throw Self.generatedFile
        case .memory(let row): try writeMeta(row, bytes, at: offset, caller, thread)
        case .migration: try writeControl(bytes, at: offset, caller, thread)
        }
    }

    /// Sets the attributes that one whole object at offset 0 names; null removes one.
    private func writeMeta(
        _ row: Int64,
        _ bytes: RawSpan,
        at offset: Int64,
        _ caller: Caller,
        _ thread: ThreadReader
    ) throws {
        let text = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        guard offset == 0, let json = try? JSON(parsing: text),
            let members = json["attributes"]?.objectValue
        else { throw Self.notAnObject }
        var wanted: [AttributeChange] = []
        for member in members {
            switch member.value {
            case .string(let value): wanted.append(AttributeChange(key: member.key, value: value))
            case .null: wanted.append(AttributeChange(key: member.key, value: nil))
            default: throw Self.notAnObject
            }
        }
        // It is to move with what was saved over it.
        try staging.commitReplacing(memory: row)
        let table = try thread.current().layouts()
        try change(by: caller, known: []) { transaction in
            guard let memory = try transaction.reader.memory(row: row) else {
                throw Self.goneNode
            }
            _ = try transaction.change(
                memory,
                attributes: wanted,
                primary: mainLayout(table).number,
                operation: .set
            )
        }
    }

    private static let notAnObject = LociError(
        .invalidArgument,
        subject: ".loci/meta",
        message: "A write to .loci/meta is one whole JSON object at offset 0 with a member "
            + "\"attributes\", whose values are strings, or null to remove one",
        remedy: #"Write it in one piece: echo '{"attributes":{"topic":"auth"}}' > .loci/meta/PATH"#
    )
}
