import CLinux
import Glibc

/// The kernel's clocks, in nanoseconds.
package enum SystemClock {
    /// Never goes back, means nothing outside this boot, stands still in suspend.
    package static func monotonic() -> Int64 { clinux_clock_monotonic() }

    /// Since 1970, UTC; goes back when somebody sets it.
    package static func realtime() -> Int64 { clinux_clock_realtime() }

    /// Blocks this thread for at least `duration`.
    package static func sleep(_ duration: Duration) {
        clinux_sleep(max(0, duration.wholeNanoseconds))
    }
}

extension Duration {
    /// In nanoseconds, at most what fits; the rest of a nanosecond is dropped.
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min / 2 : .max / 2 }
        return product + attoseconds / 1_000_000_000
    }
}

/// What the machine says about itself.
package enum Machine {
    /// Differs after each start of the machine (`/proc/sys/kernel/random/boot_id`).
    package static func bootID() throws(Errno) -> String {
        let bytes = try File.open("/proc/sys/kernel/random/boot_id").readAll(limit: 256)
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// Random bytes fit for keys (`getrandom`).
    package static func random(count: Int) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            done += try retrying {
                unsafe bytes.withUnsafeMutableBytes { buffer in
                    unsafe clinux_random(
                        buffer.baseAddress.map { unsafe $0 + done },
                        buffer.count - done
                    )
                }
            }
        }
        return bytes
    }
}
