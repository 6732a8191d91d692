import Catalog
import Linux
public import Loci
import SQL

// Each of these is one commit. What may be done is asked inside the transaction that does it.

extension Migrator {
    /// Lists the new layout: what a plain walk of the tenant shows from now on.
    ///
    /// Need not wait for blobs. The new layout is the newest migration's, or where that was given
    /// up the one of the migration before it.
    ///
    /// Throws `wrongState` while the layout is being prepared, or where it is listed already.
    public func cutover(
        oldPaths: OldPaths = .rw,
        origin: Origin = .thisProcess
    ) throws(LociError) {
        try tuning.before(.list)
        try tenant.catalog.write(.full, origin: origin) { transaction in
            let run = try Self.cutoverAllowed(MigrationFacts(transaction.reader))
            try transaction.list(
                run.new,
                operation: .layoutListed,
                oldRefusesDeletes: oldPaths == .nodelete
            )
            try transaction.stamp(run.id, .listed)
        }
    }

    /// Lists the old layout again: the one that the listed layout was made from, or where that has
    /// ended the one before it.
    ///
    /// The new one stays live.
    ///
    /// Throws `wrongState` where no such layout lives.
    public func revert(origin: Origin = .thisProcess) throws(LociError) {
        try tuning.before(.list)
        try tenant.catalog.write(.full, origin: origin) { transaction in
            let old = try Self.revertAllowed(MigrationFacts(transaction.reader))
            try transaction.list(old, operation: .revert)
        }
    }

    /// Gives the new layout up, at any point at which it is not listed: its paths end, and blobs go
    /// back to where the listed layout wants them.
    ///
    /// Throws `wrongState` where it is listed (`revert` first) or has ended.
    public func abort(origin: Origin = .thisProcess) throws(LociError) {
        try tuning.before(.end)
        try tenant.catalog.write(.full, origin: origin) { transaction in
            let (id, new) = try Self.abortAllowed(MigrationFacts(transaction.reader))
            try Self.end(new, .abort, detail: nil, transaction)
            try transaction.stamp(id, .ended(outcome: MigrationRun.Outcome.aborted.rawValue))
        }
    }

    /// Something that may be asked before it is done.
    public enum Check: Hashable, Sendable {
        /// `cutover`.
        case cutover
        /// `revert`.
        case revert
        /// `abort`.
        case abort
        /// `retire`.
        case retire(LayoutNumber?, quietPeriod: Duration, force: Bool = false)
    }

    /// Throws what the step itself would throw; changes nothing.
    public func check(_ step: Check) throws(LociError) {
        if case .retire(let number, let quietPeriod, let force) = step {
            return try checkRetire(number, quietPeriod, force: force)
        }
        try tenant.catalog.read { reader in
            let facts = try MigrationFacts(reader)
            switch step {
            case .cutover: _ = try Self.cutoverAllowed(facts)
            case .revert: _ = try Self.revertAllowed(facts)
            case .abort: _ = try Self.abortAllowed(facts)
            case .retire: break
            }
        }
    }

    static func end(
        _ layout: Layout,
        _ operation: Operation,
        detail: String?,
        _ transaction: CatalogTransaction
    ) throws {
        if layout.isTarget { try transaction.setTarget(try transaction.reader.layouts().listed) }
        guard let ending = try transaction.reader.layouts()[layout.number] else { return }
        try transaction.rescueForeign(ending: ending)
        try transaction.end(ending, operation: operation, detail: detail)
    }
}

// MARK: What is allowed

extension Migrator {
    private static func cutoverAllowed(
        _ facts: MigrationFacts
    ) throws(LociError) -> (id: Int64, new: Layout) {
        _ = try facts.run()
        guard let run = facts.current, let new = facts.table[run.to] else { throw nothing(facts) }
        switch new.status {
        case .building:
            throw LociError(
                .wrongState,
                subject: "layout \(new.number)",
                message: "\(new.title) is not live yet: it is being prepared.",
                remedy: "Wait for it with: loci migrate wait live"
            )
        case .live where new.isListed:
            throw LociError(
                .wrongState,
                subject: "layout \(new.number)",
                message: "\(new.title) is listed already.",
                remedy: facts.former == nil
                    ? "Begin another migration with: loci migrate start SCHEME"
                    : "End the old layout with: loci migrate retire, "
                        + "or go back with: loci migrate revert"
            )
        case .live: return (run.id, new)
        case .retired, .aborted: throw ended(new)
        }
    }

    private static func revertAllowed(_ facts: MigrationFacts) throws(LociError) -> Layout {
        let (_, old, new) = try facts.run()
        if let former = facts.former { return former }
        if new.isListed {
            throw LociError(
                .wrongState,
                subject: "layout \(old.number)",
                message: "\(old.title) has ended.",
                remedy: "Migrate to it again: loci migrate start '\(old.scheme.text)'"
            )
        }
        guard new.status == .live || new.status == .building else { throw nothing(facts) }
        throw LociError(
            .wrongState,
            subject: "layout \(new.number)",
            message: "\(new.title) is not listed: there is nothing to revert.",
            remedy: "Give it up with: loci migrate abort"
        )
    }

    private static func abortAllowed(
        _ facts: MigrationFacts
    ) throws(LociError) -> (id: Int64, new: Layout) {
        let (run, old, new) = try facts.run()
        if new.isListed {
            throw LociError(
                .wrongState,
                subject: "layout \(new.number)",
                message: "\(new.title) is listed.",
                remedy: facts.former == nil
                    ? "Migrate back: loci migrate start '\(old.scheme.text)'"
                    : "List the old layout first: loci migrate revert"
            )
        }
        guard new.status == .building || new.status == .live else { throw ended(new) }
        return (run.id, new)
    }

    static func retireAllowed(
        _ facts: MigrationFacts,
        _ number: LayoutNumber?
    ) throws(LociError) -> Layout {
        guard let number else {
            _ = try facts.run()
            guard let run = facts.current, let old = facts.table[run.from],
                let new = facts.table[run.to]
            else { throw nothing(facts) }
            guard new.isListed else {
                throw LociError(
                    .wrongState,
                    subject: "layout \(old.number)",
                    message: new.isLive
                        ? "\(new.title) is not listed yet."
                        : "\(new.title) is not listed: there is no old layout to retire.",
                    remedy: new.isLive
                        ? "List it first: loci migrate cutover"
                        : "Name one: loci layout list, then loci migrate retire N"
                )
            }
            return try retireAllowed(facts, old.number)
        }
        guard let layout = facts.table[number] else {
            throw LociError(
                .notFound,
                subject: "layout \(number)",
                message: "There is no layout \(number).",
                remedy: "List them with: loci layout list"
            )
        }
        if layout.isListed {
            throw LociError(
                .wrongState,
                subject: "layout \(number)",
                message: "\(layout.title) is listed.",
                remedy: "List another one first: loci migrate cutover, or revert"
            )
        }
        guard layout.isLive else {
            if layout.state == .building {
                throw LociError(
                    .wrongState,
                    subject: "layout \(number)",
                    message: "\(layout.title) is being prepared.",
                    remedy: "Give it up with: loci migrate abort"
                )
            }
            throw ended(layout)
        }
        if layout.number == facts.new?.number {
            throw LociError(
                .wrongState,
                subject: "layout \(number)",
                message: "\(layout.title) is what the newest migration leads to.",
                remedy: "Give it up with: loci migrate abort"
            )
        }
        return layout
    }

    static func ended(_ layout: Layout) -> LociError {
        LociError(
            .wrongState,
            subject: "layout \(layout.number)",
            message: "\(layout.title) has ended.",
            remedy: "Begin another migration with: loci migrate start SCHEME"
        )
    }

    /// The error where no migration is under way: the listed layout was made from none that lives.
    private static func nothing(_ facts: MigrationFacts) -> LociError {
        LociError(
            .wrongState,
            subject: "layout \(facts.table.listed.number)",
            message: "\(facts.table.listed.title) is listed, and no migration is under way.",
            remedy: "Begin one with: loci migrate start SCHEME"
        )
    }
}
