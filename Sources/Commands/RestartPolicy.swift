/// Whether a daemon that died is started again.
///
/// A pure value: deaths and their times go in, what to do comes out. A daemon that cannot even begin
/// is given a moment, which doubles: what hinders it may pass. One that dies too often within a
/// minute is given up on, since whatever kills it, such as one request that it cannot bear, would go
/// on killing it, and those who wait for answers are better told so.
struct RestartPolicy: Hashable, Sendable {
    enum Action: Hashable, Sendable {
        case start(after: Duration)
        case giveUp
    }

    static let minute: Duration = .seconds(60)
    /// The first pause after a start that came to nothing.
    private static let firstPause: Duration = .milliseconds(100)
    private static let longestPause: Duration = .seconds(1)

    /// How often a daemon is started again within a minute.
    let limit: Int
    /// The times of deaths within the last minute, oldest first.
    private var deaths: [Duration] = []
    /// Starts in a row that came to nothing.
    private var vain = 0

    init(limit: Int) { self.limit = limit }

    /// Deaths within the minute before the last one.
    var count: Int { deaths.count }

    /// The daemon serves.
    mutating func serves() { vain = 0 }

    /// It died at `now`, on a clock that never goes back; `served`: whether it had served.
    mutating func died(at now: Duration, served: Bool) -> Action {
        deaths.removeAll { now - $0 >= Self.minute }
        deaths.append(now)
        guard deaths.count <= limit else { return .giveUp }
        if served { return .start(after: .zero) }
        vain += 1
        let pause = Self.firstPause * (1 << min(vain - 1, 10))
        return .start(after: min(pause, Self.longestPause))
    }
}
