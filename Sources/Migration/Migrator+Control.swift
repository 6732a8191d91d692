import Catalog
public import Loci
import SQL

// Control is rows in the catalog: whoever moves, in whatever process, reads them before each batch.

extension Migrator {
    /// Keeps whoever prepares or moves from going on.
    ///
    /// Paths and edits are not concerned.
    public func pause(reason: String? = nil, origin: Origin = .thisProcess) throws(LociError) {
        try tenant.catalog.write(.full, origin: origin) { transaction in
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
    public func throttle(_ rate: MoveRate, origin: Origin = .thisProcess) throws(LociError) {
        try tenant.catalog.write(.full, origin: origin) { transaction in
            try transaction.setSetting(Setting.throttle, .text(rate.description))
            try transaction.record(
                .throttle,
                detail: JSON.object([.init("rate", .string(rate.description))]).text()
            )
        }
    }
}

/// What people told whoever prepares or moves.
struct MigrationControl: Hashable {
    var isPaused = false
    var reason: String?
    var rate = MoveRate.polite

    init(_ reader: CatalogReader) throws {
        isPaused = try reader.setting(Setting.paused) == 1
        reason = try reader.settingText(Setting.pauseReason)
        if let text = try reader.settingText(Setting.throttle) {
            // What a newer program wrote is not known here: polite is safe.
            rate = (try? MoveRate(text)) ?? .polite
        }
    }
}
