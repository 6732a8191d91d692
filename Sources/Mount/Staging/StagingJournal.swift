package import Linux

/// What a session has staged, as an append-only file of checksummed records.
///
/// ```
/// record   u32 length of payload │ u64 FNV-1a of payload │ payload
/// ```
///
/// Each record is one `write`, so it survives a kill; `sync` makes all of them survive a power cut.
/// Reading stops at the first record that is torn or does not match its checksum: what follows it
/// was never acknowledged as durable.
///
/// Any number of threads may append.
package final class StagingJournal: Sendable {
    private static let headerSize = 12
    /// A record names one node and one path.
    private static let maximumPayload = 1 << 20

    private let file: File
    private let lock = Lock()
    /// Bytes that are whole records.
    // Safe: touched under `lock` only.
    nonisolated(unsafe) private var length: Int64

    /// Opens the journal at `path`, and makes it where it is missing.
    package init(path: String) throws(Errno) {
        file = try File.open(path, [.readWrite, .create], mode: 0o600)
        unsafe length = 0
        let records = try read()
        unsafe length = records.length
    }

    /// All whole records, oldest first, and the bytes they take.
    package func read() throws(Errno) -> (records: [JournalRecord], length: Int64) {
        let size = Int(try file.status().size)
        let bytes = try file.read(count: size, at: 0)
        var records: [JournalRecord] = []
        var position = 0
        while let payload = Self.payload(of: bytes, at: position) {
            guard let record = JournalRecord(encoded: payload) else { break }
            records.append(record)
            position = payload.endIndex
        }
        return (records, Int64(position))
    }

    /// Appends records in one write.
    ///
    /// On failure the file is as before.
    package func append(_ records: [JournalRecord]) throws(Errno) {
        var bytes: [UInt8] = []
        for record in records { Self.frame(record.encoded, into: &bytes) }
        try lock.withLock { () throws(Errno) in
            let start = unsafe length
            do throws(Errno) {
                try file.write(bytes, at: start)
            } catch {
                // Half a record would hide those that are appended later.
                try? file.truncate(to: start)
                throw error
            }
            unsafe length = start + Int64(bytes.count)
        }
    }

    package func append(_ record: JournalRecord) throws(Errno) { try append([record]) }

    /// Makes all records survive a power cut.
    package func sync() throws(Errno) { try file.syncContent() }

    /// Bytes of all records.
    package var size: Int64 { lock.withLock { unsafe length } }

    /// Forgets everything if `isEmpty` says, while nobody appends, that nothing is staged.
    package func clear(if isEmpty: () -> Bool) throws(Errno) {
        try lock.withLock { () throws(Errno) in
            guard isEmpty() else { return }
            try file.truncate(to: 0)
            unsafe length = 0
        }
    }

    private static func frame(_ payload: [UInt8], into bytes: inout [UInt8]) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: UInt32(payload.count) >> shift))
        }
        let sum = checksum(payload[...])
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: sum >> shift))
        }
        bytes += payload
    }

    private static func payload(of bytes: [UInt8], at position: Int) -> ArraySlice<UInt8>? {
        guard bytes.count - position > headerSize else { return nil }
        let count = number(bytes[position..<position + 4])
        guard count > 0, count <= UInt64(maximumPayload) else { return nil }
        let start = position + headerSize
        guard bytes.count - start >= Int(count) else { return nil }
        let payload = bytes[start..<start + Int(count)]
        return number(bytes[position + 4..<start]) == checksum(payload) ? payload : nil
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
