import Catalog
package import Model

/// One line of a staging journal: what recovery must know of a node.
package indirect enum JournalRecord: Hashable, Sendable {
    /// An unborn file got a name, its first or another one.
    case created(NodeNumber, StagedPlace, JournalAttributes, recalls: Int64?)
    /// A memory is being written: a copy of its revision `base` was made.
    case attached(NodeNumber, memory: Int64, base: Int64)
    /// The node's bytes are in the staged file of this number from now on.
    case bytes(NodeNumber, file: UInt64)
    /// The node's bytes are in the journal from now on; there are none yet.
    case inline(NodeNumber)
    /// Bytes that were written to a node whose bytes the journal has.
    case content(NodeNumber, offset: Int64, bytes: [UInt8], mtime: Int64)
    /// The size that a node whose bytes the journal has was cut or lengthened to.
    case length(NodeNumber, Int64, mtime: Int64)
    /// An unborn file lost its name: recovery lets it go.
    case unnamed(NodeNumber)
    case attributes(NodeNumber, JournalAttributes)
    /// Everything written so far is durable.
    case synced(NodeNumber)
    /// It is renamed over a memory.
    case replaces(NodeNumber, memory: Int64)
    /// It is committed or gone.
    case dropped(NodeNumber)
    /// What the record says was asked for by a request, which has the kernel's number.
    case requested(UInt64, JournalRecord)
}

/// Attributes of a staged file, as the journal has them.
package struct JournalAttributes: Hashable, Sendable {
    package var permissions: UInt32
    package var uid: UInt32
    package var gid: UInt32
    /// Nanoseconds since 1970.
    package var mtime: Int64
    /// Whether somebody set `mtime`, as `touch -d` does.
    package var mtimeIsSet: Bool

    package init(permissions: UInt32, uid: UInt32, gid: UInt32, mtime: Int64, mtimeIsSet: Bool) {
        self.permissions = permissions
        self.uid = uid
        self.gid = gid
        self.mtime = mtime
        self.mtimeIsSet = mtimeIsSet
    }
}

extension JournalRecord {
    /// The same record as what a request asked for, where one did.
    func requested(by request: UInt64?) -> JournalRecord {
        request.map { .requested($0, self) } ?? self
    }

    /// The bytes of the record, without length and checksum.
    package var encoded: [UInt8] {
        var writer = RecordWriter()
        switch self {
        case .created(let node, let place, let attributes, let recalls):
            writer.begin(1, node)
            writer.add(place)
            writer.add(attributes)
            writer.add(UInt64(bitPattern: recalls ?? 0))
        case .attached(let node, let memory, let base):
            writer.begin(2, node)
            writer.add(UInt64(bitPattern: memory))
            writer.add(UInt64(bitPattern: base))
        case .bytes(let node, let file):
            writer.begin(3, node)
            writer.add(file)
        case .content(let node, let offset, let bytes, let mtime):
            writer.begin(4, node)
            writer.add(UInt64(bitPattern: offset))
            writer.add(UInt64(bitPattern: mtime))
            writer.bytes += bytes
        case .inline(let node): writer.begin(10, node)
        case .length(let node, let size, let mtime):
            writer.begin(11, node)
            writer.add(UInt64(bitPattern: size))
            writer.add(UInt64(bitPattern: mtime))
        case .unnamed(let node): writer.begin(5, node)
        case .attributes(let node, let attributes):
            writer.begin(6, node)
            writer.add(attributes)
        case .synced(let node): writer.begin(7, node)
        case .replaces(let node, let memory):
            writer.begin(8, node)
            writer.add(UInt64(bitPattern: memory))
        case .dropped(let node): writer.begin(9, node)
        case .requested(let request, let record):
            writer.begin(12, NodeNumber(request))
            writer.bytes += record.encoded
        }
        return writer.bytes
    }

    /// Reads what `encoded` wrote; nil for anything else.
    package init?(encoded bytes: ArraySlice<UInt8>) {
        var reader = RecordReader(rest: bytes)
        guard let kind = reader.byte(), let number = reader.word() else { return nil }
        let node = NodeNumber(number)
        let record: JournalRecord? =
            switch kind {
            case 1: Self.created(node, &reader)
            case 2:
                reader.signed().flatMap { memory in
                    reader.signed().map { .attached(node, memory: memory, base: $0) }
                }
            case 3: reader.word().map { .bytes(node, file: $0) }
            case 4:
                reader.size().flatMap { offset in
                    reader.signed().map {
                        .content(node, offset: offset, bytes: reader.all(), mtime: $0)
                    }
                }
            case 5: .unnamed(node)
            case 6: reader.attributes().map { .attributes(node, $0) }
            case 7: .synced(node)
            case 8: reader.signed().map { .replaces(node, memory: $0) }
            case 9: .dropped(node)
            case 10: .inline(node)
            case 11:
                reader.size().flatMap { size in
                    reader.signed().map { .length(node, size, mtime: $0) }
                }
            case 12: reader.nested().map { .requested(number, $0) }
            default: nil
            }
        guard let record, reader.rest.isEmpty else { return nil }
        self = record
    }

    private static func created(
        _ node: NodeNumber,
        _ reader: inout RecordReader
    ) -> JournalRecord? {
        guard let place = reader.place(), let attributes = reader.attributes(),
            let recalls = reader.signed()
        else { return nil }
        return .created(node, place, attributes, recalls: recalls == 0 ? nil : recalls)
    }
}

/// Little-endian numbers, and texts with their length before them.
private struct RecordWriter {
    var bytes: [UInt8] = []

    mutating func begin(_ kind: UInt8, _ node: NodeNumber) {
        bytes.reserveCapacity(128)
        bytes.append(kind)
        add(node.rawValue)
    }

    mutating func add(_ value: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func add(_ name: Name) {
        // A name has 1 to 255 bytes.
        bytes.append(UInt8(truncatingIfNeeded: name.bytes.count))
        bytes += name.bytes
    }

    mutating func add(_ place: StagedPlace) {
        add(place.directory.rawValue)
        add(place.name)
        add(UInt64(place.layout.rawValue))
        add(UInt64(place.directories.count))
        for directory in place.directories { add(directory) }
        add(place.position.rawValue)
        // No row has the number 0.
        add(UInt64(bitPattern: place.replaces?.memory ?? 0))
        add(UInt64(place.replaces?.base.rawValue ?? 0))
    }

    mutating func add(_ attributes: JournalAttributes) {
        add(UInt64(attributes.permissions))
        add(UInt64(attributes.uid))
        add(UInt64(attributes.gid))
        add(UInt64(bitPattern: attributes.mtime))
        bytes.append(attributes.mtimeIsSet ? 1 : 0)
    }
}

private struct RecordReader {
    var rest: ArraySlice<UInt8>

    mutating func byte() -> UInt8? { rest.popFirst() }

    /// The record that is all the rest.
    mutating func nested() -> JournalRecord? {
        defer { rest = [] }
        return JournalRecord(encoded: rest)
    }

    mutating func word() -> UInt64? {
        guard rest.count >= 8 else { return nil }
        defer { rest = rest.dropFirst(8) }
        return rest.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func signed() -> Int64? { word().map { Int64(bitPattern: $0) } }

    /// A size or an offset of bytes that a journal has.
    mutating func size() -> Int64? {
        signed().flatMap { (0...Int64(StagedBytes.inlineLimit)).contains($0) ? $0 : nil }
    }

    mutating func all() -> [UInt8] {
        defer { rest = rest.suffix(0) }
        return Array(rest)
    }

    mutating func name() -> Name? {
        guard let count = byte(), rest.count >= Int(count) else { return nil }
        defer { rest = rest.dropFirst(Int(count)) }
        return try? Name(validating: Array(rest.prefix(Int(count))))
    }

    mutating func place() -> StagedPlace? {
        guard let directory = word(), let name = name(), let layout = word(), let count = word(),
            count <= UInt64(rest.count)
        else { return nil }
        var directories: [Name] = []
        for _ in 0..<count {
            guard let directory = self.name() else { return nil }
            directories.append(directory)
        }
        guard let position = word(), let memory = signed(), let base = word() else { return nil }
        return StagedPlace(
            directory: NodeNumber(directory),
            name: name,
            layout: LayoutNumber(Int(truncatingIfNeeded: layout)),
            directories: directories,
            position: ListingPosition(rawValue: position),
            replaces: memory == 0
                ? nil
                : ReplacedMemory(
                    memory: memory,
                    base: RevisionNumber(Int(truncatingIfNeeded: base))
                )
        )
    }

    mutating func attributes() -> JournalAttributes? {
        guard let permissions = word(), let uid = word(), let gid = word(), let mtime = signed(),
            let isSet = byte()
        else { return nil }
        return JournalAttributes(
            permissions: UInt32(truncatingIfNeeded: permissions),
            uid: UInt32(truncatingIfNeeded: uid),
            gid: UInt32(truncatingIfNeeded: gid),
            mtime: mtime,
            mtimeIsSet: isSet == 1
        )
    }
}
