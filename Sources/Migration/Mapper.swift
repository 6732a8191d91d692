import Catalog
public import Loci

/// Finds the fields that a new scheme needs and a memory lacks.
///
/// Preparing asks it once for each memory that lacks some: one at a time in the order in which
/// memories were added; where `width` are asked at a time, about so. What it decides is stored:
/// a decided memory is never asked about again.
public protocol Mapper: Sendable {
    /// Names the mapper and its version: a run that began with one is not resumed with another.
    var identity: String { get }

    /// About how many memories it may be asked at the same time: 1 unless it says otherwise.
    var width: Int { get }

    /// Called before a run asks anything, and before anything is written; again where a run goes on
    /// after `MapperStopped`.
    ///
    /// What it throws, the run throws.
    func begin() async throws(LociError)

    /// Called once for each `begin`, after the last answer, however the run ended.
    func end() async

    /// Decides the fields of one memory.
    ///
    /// What it throws is recorded like `.error`, but for `MapperStopped`, which ends the run.
    func fields(for input: MapperInput) async throws -> MapperOutcome
}

extension Mapper {
    /// One memory at a time.
    public var width: Int { 1 }

    /// Nothing has to be made ready.
    public func begin() async throws(LociError) {}

    /// Nothing has to be put away.
    public func end() async {}
}

/// Thrown by a mapper that can decide nothing any more: the memory stays undecided, and the run
/// ends with `mapperFailed` once what was decided is stored.
public struct MapperStopped: Error, Hashable, Sendable {
    /// Why, as a full sentence.
    public let reason: String

    /// Makes the error; `reason` is a full sentence.
    public init(reason: String) { self.reason = reason }
}

/// What a mapper is told of a memory.
public struct MapperInput: Sendable {
    /// The tenant whose memory it is.
    public let tenant: TenantID
    /// The memory's id.
    public let id: MemoryID
    /// Its name.
    public let name: Name
    /// Where the listed layout has it; nil in the trash.
    public let path: NamePath?
    /// When it was made.
    public let created: Timestamp
    /// When its content last changed.
    public let updated: Timestamp
    /// The bytes of its current revision.
    public let size: Int64
    /// The attributes that it has.
    public let attributes: [String: String]
    /// The attributes that the new scheme needs and it lacks.
    public let missing: [String]
    private let read: @Sendable () async throws(LociError) -> [UInt8]

    init(
        _ question: MapperQuestion,
        of tenant: TenantID,
        read: @escaping @Sendable () async throws(LociError) -> [UInt8]
    ) {
        self.tenant = tenant
        id = question.memory.id
        name = question.memory.name
        path = question.path
        created = question.memory.created
        updated = question.memory.updated
        size = question.size
        attributes = question.attributes
        missing = question.missing
        self.read = read
    }

    /// The content of its current revision.
    public func content() async throws(LociError) -> [UInt8] { try await read() }
}

/// What a mapper decides.
public enum MapperOutcome: Hashable, Sendable {
    /// Attributes to add.
    ///
    /// One that exists with another value makes it an error. What is still missing then is `_`, and
    /// listed like a skip.
    case fields([String: String])
    /// The memory goes without, under `_`.
    case skip(reason: String)
    /// It cannot be decided now; keeps the layout from going live.
    ///
    /// `attempts`: how often it was tried.
    case error(reason: String, attempts: Int = 1)
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
