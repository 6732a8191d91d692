import Catalog
public import Loci
import SQL

// Control is rows in the catalog: whoever moves, in whatever process, reads them before each batch.

extension Migrator {
    /// Keeps whoever prepares or moves from going on.
    ///
    /// Paths and edits are not concerned. Throws `wrongState` where nothing is under way: no second
    /// layout is there or being made, and nothing is to be moved.
    public func pause(reason: String? = nil, origin: Origin = .thisProcess) throws(LociError) {
        try tenant.catalog.write(.full, origin: origin) { transaction in
            let table = try transaction.reader.layouts()
            let isUnderWay =
                try table.building != nil || table.liveLayouts.count > 1
                || transaction.reader.misplacedCount(target: table.target.number) > 0
            guard isUnderWay else {
                throw LociError(
                    .wrongState,
                    subject: tenant.id.rawValue,
                    message: "No migration is under way, so there is nothing to pause."
                )
            }
            try Self.hold(reason, origin, transaction)
        }
    }

    /// Pauses whatever there is to do: who cannot go on does so, with the reason.
    func hold(reason: String, origin: Origin) throws(LociError) {
        try tenant.catalog.write(.full, origin: origin) { try Self.hold(reason, origin, $0) }
    }

    private static func hold(
        _ reason: String?,
        _ origin: Origin,
        _ transaction: CatalogTransaction
    ) throws {
        try transaction.setSetting(Setting.paused, .integer(1))
        try transaction.setSetting(
            Setting.pauseReason,
            .text(reason ?? origin.reason ?? "paused by \(origin.actor)")
        )
        try transaction.record(
            .pause,
            detail: reason.map { JSON.object([.init("reason", .string($0))]).text() }
        )
    }

    /// Lets it go on.
    public func resume(origin: Origin = .thisProcess) throws(LociError) {
        try tenant.catalog.write(.full, origin: origin) { transaction in
            try transaction.removeSetting(Setting.paused)
            try transaction.removeSetting(Setting.pauseReason)
            try transaction.record(.resume)
        }
    }

    /// Sets how fast blobs may move.
    ///
    /// `duration`: for so long only; then the rate that was set without one counts again.
    ///
    /// Throws `invalidArgument` where it is not above zero.
    public func throttle(
        _ rate: MoveRate,
        for duration: Duration? = nil,
        origin: Origin = .thisProcess
    ) throws(LociError) {
        if let duration, duration <= .zero {
            throw .unreadable(
                LociDuration.text(duration),
                as: "a time for which a rate can hold",
                remedy: "Write one such as 90s, 15m or 8h."
            )
        }
        try tenant.catalog.write(.full, origin: origin) { transaction in
            let until = duration.map { transaction.now + $0 }
            if let until {
                try transaction.setSetting(
                    Setting.throttleForNow,
                    .text("\(rate) \(until.nanoseconds)")
                )
            } else {
                try transaction.setSetting(Setting.throttle, .text(rate.description))
                try transaction.removeSetting(Setting.throttleForNow)
            }
            try transaction.record(
                .throttle,
                detail: JSON.object([
                    .init("rate", .string(rate.description)),
                    .init("until", until.map { .string($0.description) } ?? .null),
                ]).text()
            )
        }
    }
}

/// What people told whoever prepares or moves.
struct MigrationControl: Hashable {
    var isPaused = false
    var reason: String?
    /// How fast blobs may move.
    var rate = MoveRate.polite
    /// Until when; nil where the rate stands until another is set.
    var until: Timestamp?
    /// Whether whoever moves rests for readers.
    var yields = false
    /// What counts then.
    var afterwards = MoveRate.polite

    init(_ reader: CatalogReader, at now: Timestamp) throws {
        isPaused = try reader.setting(Setting.paused) == 1
        reason = try reader.settingText(Setting.pauseReason)
        let resting = try reader.setting(Setting.yieldsUntil) ?? .min
        yields = now < Timestamp(nanoseconds: resting)
        if let text = try reader.settingText(Setting.throttle) {
            // What a newer program wrote is not known here: polite is safe.
            afterwards = (try? MoveRate(text)) ?? .polite
        }
        rate = afterwards
        if let text = try reader.settingText(Setting.throttleForNow) {
            let parts = text.split(separator: " ")
            guard parts.count == 2, let time = Int64(parts[1]) else { return }
            let until = Timestamp(nanoseconds: time)
            guard now < until else { return }
            rate = (try? MoveRate(String(parts[0]))) ?? .polite
            self.until = until
        }
    }
}
