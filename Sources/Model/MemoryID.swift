/// The id of a memory for life: a ULID, 48 bits of milliseconds since 1970 and 80 random bits.
///
/// Ids order by time, then by their random part; so do their texts, byte by byte.
public struct MemoryID: Hashable, Comparable, Sendable, CustomStringConvertible {
    private let high: UInt64
    private let low: UInt64

    /// Makes an id of a moment, with random bits from `generator`.
    ///
    /// A time before 1970 counts as 1970.
    public init(time: Timestamp, using generator: inout some RandomNumberGenerator) {
        let milliseconds = UInt64(max(0, time.nanoseconds / 1_000_000))
        let random: UInt64 = generator.next()
        high = milliseconds << 16 | (random & 0xFFFF)
        low = generator.next()
    }

    /// Takes the 16 bytes of a stored id, or refuses another number of bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes[8...].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Reads 26 characters of Crockford's base 32 in either case; throws `invalidArgument`.
    ///
    /// `I` and `L` read as 1 and `O` as 0, as Crockford has it; `U` is refused.
    public init(_ text: String) throws(LociError) {
        guard let id = Self.decode(text) else {
            throw .unreadable(
                text,
                as: "a memory's id",
                remedy: "An id is a ULID: 26 letters and digits."
            )
        }
        self = id
    }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The 16 bytes of the id, the most significant first.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: high >> UInt64(shift)))
        }
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: low >> UInt64(shift)))
        }
        return bytes
    }

    /// The moment in the id, in whole milliseconds.
    ///
    /// A text made elsewhere can name a time beyond `Timestamp`; that reads as the latest one.
    public var time: Timestamp {
        let (value, overflow) = Int64(high >> 16).multipliedReportingOverflow(by: 1_000_000)
        return Timestamp(nanoseconds: overflow ? .max : value)
    }

    /// The id as 26 upper-case characters of Crockford's base 32.
    public var description: String { String(decoding: text, as: UTF8.self) }

    /// Orders by time, then by the random part.
    public static func < (a: MemoryID, b: MemoryID) -> Bool {
        a.high == b.high ? a.low < b.low : a.high < b.high
    }
}

extension MemoryID {
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// The 26 characters of the id as bytes.
    package var text: [UInt8] {
        var characters = [UInt8](repeating: 0, count: 26)
        var (high, low) = (high, low)
        for index in stride(from: 25, through: 0, by: -1) {
            characters[index] = Self.alphabet[Int(low & 31)]
            low = low >> 5 | high << 59
            high >>= 5
        }
        return characters
    }

    /// The bucket of this id among `count`: 64-bit FNV-1a over the 16 bytes, finished with
    /// MurmurHash3's `fmix64`, modulo `count`.
    ///
    /// Paths depend on it, so it never changes.
    package func bucket(of count: Int) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for word in [high, low] {
            for shift in stride(from: 56, through: 0, by: -8) {
                hash = (hash ^ (word >> UInt64(shift) & 0xFF)) &* 0x100_0000_01B3
            }
        }
        hash = (hash ^ hash >> 33) &* 0xFF51_AFD7_ED55_8CCD
        hash = (hash ^ hash >> 33) &* 0xC4CE_B9FE_1A85_EC53
        hash ^= hash >> 33
        return Int(hash % UInt64(count))
    }

    private static func decode(_ text: String) -> MemoryID? {
        guard text.utf8.count == 26 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, byte) in text.utf8.enumerated() {
            guard let value = digit(byte), index > 0 || value < 8 else { return nil }
            high = high << 5 | low >> 59
            low = low << 5 | value
        }
        return MemoryID(high: high, low: low)
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        let upper = ASCII.isLetter(byte) ? byte & 0xDF : byte
        switch upper {
        case UInt8(ascii: "I"), UInt8(ascii: "L"): return 1
        case UInt8(ascii: "O"): return 0
        default: return alphabet.firstIndex(of: upper).map(UInt64.init)
        }
    }
}
