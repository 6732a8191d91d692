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

    /// What a migration to `scheme` would do, and about how long moving would take.
    ///
    /// Changes nothing. For the time it links and removes some files of its own in the tenant's
    /// staging area, and writes some rows in a transaction that it rolls back.
    ///
    /// `mapper`: is not asked; what it is to decide is counted apart.
    /// `links`: also reads every text, and follows its relative links.
    ///
    /// Complexity: reads every memory's attributes once; those that may collide twice.
    public func plan(
        to scheme: Scheme,
        apart: Bool = false,
        links: Bool = false,
        mapper: (any Mapper)? = nil,
        progress: ProgressFeed? = nil
    ) async throws(LociError) -> MigrationPlan {
        defer { progress?.finish() }
        let isMapping = mapper != nil
        var plan = try await planning(scheme, apart, isMapping, links: links, progress)
        guard plan.toMove > 0 else { return plan }
        let (tenant, made) = (tenant, plan)
        plan.estimate = try await BlockingPool.shared.run { () throws(LociError) in
            try? MoveSample(tenant).estimate(made)
        }
        return plan
    }

    func planning(
        _ scheme: Scheme,
        _ apart: Bool,
        _ isMapping: Bool,
        links: Bool = false,
        _ progress: ProgressFeed?
    ) async throws(LociError) -> MigrationPlan {
        let tenant = tenant
        return try await BlockingPool.shared.run { () throws(LociError) in
            let reader = try tenant.catalog.makeReader()
            do {
                var planner = try Planner(
                    reader,
                    scheme: scheme,
                    apart: apart,
                    isMapping: isMapping,
                    progress: progress
                )
                try planner.run()
                if links { try planner.followLinks(tenant) }
                return planner.plan
            } catch {
                throw LociError(catalogError: error, subject: tenant.catalog.path)
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
    /// The newest run and, where its layout is not the listed one, those before it, newest first.
    private let runs: [MigrationRow]

    init(_ reader: CatalogReader) throws {
        table = try reader.layouts()
        newest = try reader.newestMigration()
        old = newest.flatMap { [table] in table[$0.from] }
        new = newest.flatMap { [table] in table[$0.to] }
        let isSettled = new?.isListed == true && old?.isLive == true
        runs = isSettled ? [] : try reader.migrations(before: .max, limit: Self.runsKept)
    }

    /// As many as layouts can live at once; an older run leads to nothing that lives.
    private static let runsKept = 64

    /// The newest run whose layout has not ended: what `cutover` and `retire` mean, though a later
    /// one was given up.
    var current: MigrationRow? {
        guard let new, new.status != .live, new.status != .building else { return newest }
        return runs.first { table[$0.to]?.isLive == true } ?? newest
    }

    /// The layout that the listed one was made from, or where that has ended the one before it:
    /// what `revert` lists.
    ///
    /// Returns nil where no such layout lives.
    var former: Layout? {
        if let new, new.isListed, let old, old.isLive { return old }
        var number = table.listed.number
        while let run = runs.first(where: { $0.to == number }) {
            if let layout = table[run.from], layout.isLive { return layout }
            number = run.from
        }
        return nil
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
    /// For sentences: `Layout 2, topic={topic},`.
    var title: String { "Layout \(number), '\(scheme.text)'," }
}
