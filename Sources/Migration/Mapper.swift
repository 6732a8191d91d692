public import Loci

/// Finds the fields that a new scheme needs and a memory lacks.
///
/// Preparing asks it once for each memory that lacks some, in the order in which memories were
/// added, one at a time. What it decides is stored: a decided memory is never asked about again.
public protocol Mapper: Sendable {
    /// Names the mapper and its version: a run that began with one is not resumed with another.
    var identity: String { get }

    /// Decides the fields of one memory.
    ///
    /// What it throws is recorded like `.error`.
    func fields(for input: MapperInput) async throws -> MapperOutcome
}

/// What a mapper is told of a memory.
public struct MapperInput: Sendable {
    /// The memory's id.
    public let id: MemoryID
    /// Its name.
    public let name: Name
    /// Where the listed layout has it; nil in the trash.
    public let path: NamePath?
    /// When it was made.
    public let created: Timestamp
    /// The attributes that it has.
    public let attributes: [String: String]
    /// The attributes that the new scheme needs and it lacks.
    public let missing: [String]
    private let read: @Sendable () async throws(LociError) -> [UInt8]

    init(
        id: MemoryID,
        name: Name,
        path: NamePath?,
        created: Timestamp,
        attributes: [String: String],
        missing: [String],
        read: @escaping @Sendable () async throws(LociError) -> [UInt8]
    ) {
        self.id = id
        self.name = name
        self.path = path
        self.created = created
        self.attributes = attributes
        self.missing = missing
        self.read = read
    }

    /// The bytes of its current revision.
    public func content() async throws(LociError) -> [UInt8] { try await read() }
}

/// What a mapper decides.
public enum MapperOutcome: Hashable, Sendable {
    /// Attributes to add.
    ///
    /// One that exists with another value makes it an error.
    case fields([String: String])
    /// The memory goes without, under `_`.
    case skip(reason: String)
    /// It cannot be decided now; keeps the layout from going live.
    case error(reason: String)
}

/// A mapper made of a closure.
public struct ClosureMapper: Mapper {
    /// Names the mapper and its version.
    public let identity: String
    private let decide: @Sendable (MapperInput) async throws -> MapperOutcome

    /// Makes a mapper of a closure; `identity` names it and its version.
    public init(
        identity: String,
        _ decide: @escaping @Sendable (MapperInput) async throws -> MapperOutcome
    ) {
        self.identity = identity
        self.decide = decide
    }

    /// Asks the closure.
    public func fields(for input: MapperInput) async throws -> MapperOutcome {
        try await decide(input)
    }
}
