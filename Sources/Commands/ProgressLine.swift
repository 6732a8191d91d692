import Linux
import Loci

/// Shows how far long work is: a line that rewrites itself on a terminal, one JSON line a second
/// with `--json`, nothing in a pipe.
///
/// One thread at a time.
struct ProgressLine {
    private let label: String
    private let json: Bool
    private let isShown: Bool
    private let start = SystemClock.monotonic()
    private var lastShown: Int64 = 0
    private var drew = false

    init(_ label: String, json: Bool, quiet: Bool) {
        self.label = label
        self.json = json
        isShown = !quiet && (json || Terminal.errorIsTerminal)
    }

    /// Tells the state; draws at most ten times a second, with `--json` once a second.
    mutating func update(done: Int64, total: Int64?) {
        guard isShown else { return }
        let now = SystemClock.monotonic()
        guard now - lastShown >= (json ? 1_000_000_000 : 100_000_000) else { return }
        lastShown = now
        let seconds = Double(now - start) / 1e9
        let rate = seconds > 0 ? Double(done) / seconds : 0
        if json {
            Words.line(Self.json(label, done, total, rate).text())
        } else {
            drew = true
            Words.draw(Self.text(label, done, total, rate))
        }
    }

    /// Removes the line, so that what follows begins on a clean one.
    mutating func finish() {
        guard drew else { return }
        Words.erase()
        drew = false
    }

    /// `label  done/total  %  rate  ETA`.
    static func text(_ label: String, _ done: Int64, _ total: Int64?, _ rate: Double) -> String {
        let speed = "\(Grouped.text(Int64(rate)))/s"
        guard let total else { return "\(label)  \(Grouped.text(done))  \(speed)" }
        var text = "\(label)  \(Grouped.text(done))/\(Grouped.text(total))"
        text += "  \(Grouped.percent(done, of: total))  \(speed)"
        if rate >= 1 { text += "  ETA " + eta(total - done, rate) }
        return text
    }

    /// The time that is left in whole seconds: `2s`, `1m30s`.
    static func eta(_ left: Int64, _ rate: Double) -> String {
        guard rate > 0 else { return "?" }
        let seconds = Int64((Double(max(0, left)) / rate).rounded(.up))
        return seconds == 0 ? "0s" : LociDuration.text(.seconds(seconds))
    }

    private static func json(
        _ label: String,
        _ done: Int64,
        _ total: Int64?,
        _ rate: Double
    ) -> JSON {
        [
            "progress": .string(label), "done": .integer(done),
            "total": total.map { .integer($0) } ?? .null, "rate": .integer(Int64(rate)),
        ]
    }
}

/// Shows what a long piece of work reports while it runs.
func showing<Result>(
    _ label: String,
    _ speech: SpeechOptions,
    _ work: (ProgressFeed) async throws -> Result
) async throws -> Result {
    let feed = ProgressFeed()
    let json = speech.json
    let quiet = speech.quiet
    let watcher = Task {
        var line = ProgressLine(label, json: json, quiet: quiet)
        for await progress in feed { line.update(done: progress.done, total: progress.total) }
        line.finish()
    }
    do {
        let result = try await work(feed)
        feed.finish()
        await watcher.value
        return result
    } catch {
        feed.finish()
        await watcher.value
        throw error
    }
}
