import CLinux
import Glibc

/// Waits until one of several descriptors is ready (`ppoll`).
package enum Poll {
    /// What a descriptor is ready for.
    package struct Events: OptionSet, Hashable, Sendable {
        package let rawValue: Int16

        package init(rawValue: Int16) {
            self.rawValue = rawValue
        }

        package static let readable = Events(rawValue: Int16(POLLIN))
        package static let writable = Events(rawValue: Int16(POLLOUT))
        /// Always waited for: an error, or the other end is closed.
        package static let failed = Events(rawValue: Int16(POLLERR))
        package static let hungUp = Events(rawValue: Int16(POLLHUP))
        package static let invalid = Events(rawValue: Int16(POLLNVAL))
    }

    /// Waits for any of the descriptors; a nil timeout waits without end.
    ///
    /// Returns What each descriptor is ready for, in order: all empty when the time was up.
    package static func wait(
        _ requests: [(descriptor: Int32, events: Events)],
        timeout: Duration? = nil
    ) throws(Errno) -> [Events] {
        let descriptors = requests.map(\.descriptor)
        let wanted = requests.map(\.events.rawValue)
        var seen = [Int16](repeating: 0, count: requests.count)
        let deadline = timeout.map { SystemClock.monotonic() + max(0, $0.wholeNanoseconds) }
        _ = try retrying {
            let rest = deadline.map { max(0, $0 - SystemClock.monotonic()) } ?? -1
            return unsafe clinux_poll(descriptors, wanted, &seen, seen.count, rest)
        }
        return seen.map(Events.init(rawValue:))
    }

    /// Whether a descriptor became readable, or came to its end, within the time.
    package static func isReadable(
        _ descriptor: Int32,
        timeout: Duration? = nil
    ) throws(Errno) -> Bool {
        try !wait([(descriptor, .readable)], timeout: timeout)[0].isEmpty
    }
}

/// The two ends of a pipe.
package struct Pipe: ~Copyable, Sendable {
    package let reading: File
    package let writing: File

    package init() throws(Errno) {
        var descriptors: [Int32] = [-1, -1]
        _ = try retrying { unsafe clinux_pipe(&descriptors) }
        reading = File(owning: descriptors[0])
        writing = File(owning: descriptors[1])
    }

    /// Closes the writing end and gives the other one away.
    package consuming func takeReading() -> File { reading }

    /// Closes the reading end and gives the other one away.
    package consuming func takeWriting() -> File { writing }
}

/// Wakes a thread that polls (`eventfd`).
///
/// Any thread may signal.
package final class WakeEvent: Sendable {
    private let file: File

    package init() throws(Errno) {
        file = File(owning: try retrying { clinux_eventfd(0) })
    }

    /// Readable while there is a signal that nobody took.
    package var descriptor: Int32 { file.descriptor }

    /// Wakes who waits, now or later; many signals before a wait are one.
    package func signal() {
        var one: UInt64 = 1
        // It fails only when 2⁶⁴ signals were not taken, and then it is readable anyway.
        _ = unsafe Glibc.write(file.descriptor, &one, 8)
    }

    /// Takes all signals; false when there was none.
    @discardableResult
    package func take() -> Bool {
        var count: UInt64 = 0
        return unsafe Glibc.read(file.descriptor, &count, 8) == 8
    }

    /// Waits for a signal and takes it; false when the time was up.
    package func wait(timeout: Duration? = nil) throws(Errno) -> Bool {
        guard try Poll.isReadable(file.descriptor, timeout: timeout) else { return false }
        return take()
    }
}
