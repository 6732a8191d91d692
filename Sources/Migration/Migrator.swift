import Catalog
public import Loci
import SQL

/// Takes a tenant from one layout to another, a step at a time.
///
/// ```
/// plan ─ start ─▶ preparing ─▶ moving ─▶ ready      abort: gives up, from any of these
///                                 └─ cutover ─▶ complete ─ retire ─▶ retired
///                                      ◀─ revert ─┘
/// ```
///
/// Nothing here ends by itself what a consumer could notice. Any process may call any of these at
/// any time: what counts is in the catalog. Blobs are moved by a `MigrationWorker`.
public struct Migrator: Sendable {
    /// The tenant on the move.
    public let tenant: Tenant
    let tuning: MigrationTuning

    /// Makes the migrator of a tenant.
    public init(_ tenant: Tenant) { self.init(tenant, tuning: MigrationTuning()) }

    package init(_ tenant: Tenant, tuning: MigrationTuning) {
        self.tenant = tenant
        self.tuning = tuning
    }

    /// What a migration to `scheme` would do.
    ///
    /// Changes nothing.
    ///
    /// Complexity: reads every memory's attributes once; those that may collide twice.
    public func plan(
        to scheme: Scheme,
        apart: Bool = false,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> MigrationPlan {
        defer { progress?.finish() }
        return try await planning(scheme, apart, progress)
    }

    func planning(
        _ scheme: Scheme,
        _ apart: Bool,
        _ progress: ProgressFeed?
    ) async throws(LociError) -> MigrationPlan {
        let catalog = tenant.catalog
        return try await BlockingPool.shared.run { () throws(LociError) in
            let reader = try catalog.makeReader()
            do {
                var planner = try Planner(
                    reader,
                    scheme: scheme,
                    apart: apart,
                    progress: progress
                )
                return try planner.run()
            } catch {
                throw LociError(catalogError: error, subject: catalog.path)
            }
        }
    }
}

/// What is known of the newest run, as one transaction saw it.
struct MigrationFacts {
    let table: LayoutTable
    let newest: MigrationRow?
    /// Where it came from, and where it leads.
    let old: Layout?
    let new: Layout?

    init(_ reader: CatalogReader) throws {
        table = try reader.layouts()
        newest = try reader.newestMigration()
        old = newest.flatMap { [table] in table[$0.from] }
        new = newest.flatMap { [table] in table[$0.to] }
    }

    /// The newest run and its layouts; throws `wrongState` before any.
    func run() throws(LociError) -> (run: MigrationRow, old: Layout, new: Layout) {
        guard let newest, let old, let new else {
            throw LociError(
                .wrongState,
                subject: "migration",
                message: "There was no migration yet.",
                remedy: "Begin one with: loci migrate start SCHEME"
            )
        }
        return (newest, old, new)
    }
}

extension Layout {
    var status: LayoutStatus {
        switch state {
        case .building: .building
        case .live: .live
        case .retired, .cleared: listedSince == nil ? .aborted : .retired
        case .clearedAborted: .aborted
        }
    }

    /// For sentences: `Layout 2, topic={topic},`.
    var title: String { "Layout \(number), '\(scheme.text)'," }
}
