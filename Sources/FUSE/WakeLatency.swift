internal import Glibc
internal import Linux

/// Asks Linux that processors without work do not sleep, as long as requests come fast.
///
/// Whoever waits for an answer leaves its processor without work, and that sleeps at once; to wake
/// it takes longer than to serve most requests, on a virtual machine several times longer. While
/// somebody holds a request for no latency (PM QoS, `/dev/cpu_dma_latency`), such a processor polls
/// instead, on the whole machine. That costs power, so it is asked for only while requests come
/// fast, and only root may.
///
/// For one thread at a time: whoever has the reader's turn.
@safe
final class WakeLatency: @unchecked Sendable {
    // Sendable: used under the reader's turn alone.

    /// So many requests within `window` are fast.
    private static let fast = 16
    /// In nanoseconds.
    private static let window: UInt64 = 4_000_000

    /// For how long to wait for a request before `rest` is to be called.
    static let patience = Int32(window / 1_000_000)

    /// Nil where the system does not allow it.
    private let device: File?
    /// Whether idle processors poll because of this.
    private(set) var isLow = false
    private var count = 0
    private var windowStart: UInt64 = 0

    /// `isWanted`: else it does nothing.
    init(isWanted: Bool) {
        device = isWanted ? try? File.open("/dev/cpu_dma_latency", .writeOnly) : nil
    }

    /// Notes that a request came.
    func note() {
        guard device != nil else { return }
        count += 1
        guard count >= Self.fast else { return }
        let now = monotonicNow()
        set(now - windowStart <= Self.window)
        count = 0
        windowStart = now
    }

    /// Notes that none came for a while.
    func rest() {
        count = 0
        windowStart = 0
        set(false)
    }

    private func set(_ low: Bool) {
        guard low != isLow else { return }
        isLow = low
        // In microseconds; the second is what the kernel takes as no wish (its default, 2000 s).
        let wish: Int32 = low ? 0 : 2_000_000_000
        unsafe withUnsafeBytes(of: wish) { bytes in _ = try? unsafe device?.write(bytes) }
    }
}
