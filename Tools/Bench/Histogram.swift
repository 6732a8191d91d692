/// Times, counted in steps of about 3 % from a microsecond up; a text that others can add up.
struct Histogram {
    private var counts: [Int: Int] = [:]
    private(set) var total = 0

    mutating func add(_ nanoseconds: Int64) {
        counts[Self.bucket(nanoseconds), default: 0] += 1
        total += 1
    }

    mutating func add(_ other: Histogram) {
        for (bucket, count) in other.counts { counts[bucket, default: 0] += count }
        total += other.total
    }

    /// The time that so many of a hundred do not exceed, in milliseconds.
    func percentile(_ percent: Double) -> Double {
        let wanted = Int((Double(total) * percent / 100).rounded(.up))
        var seen = 0
        for (bucket, count) in counts.sorted(by: { $0.key < $1.key }) {
            seen += count
            if seen >= wanted { return Self.milliseconds(bucket) }
        }
        return 0
    }

    var text: String { counts.map { "\($0.key):\($0.value)" }.joined(separator: ",") }

    init() {}

    init(text: some StringProtocol) {
        for pair in text.split(separator: ",") {
            let parts = pair.split(separator: ":")
            guard parts.count == 2, let bucket = Int(parts[0]), let count = Int(parts[1]) else {
                continue
            }
            counts[bucket, default: 0] += count
            total += count
        }
    }

    /// 32 steps for each doubling.
    private static func bucket(_ nanoseconds: Int64) -> Int {
        let value = UInt64(max(1000, nanoseconds))
        let power = 63 - value.leadingZeroBitCount
        return power * 32 + Int(((value << 5) >> power) & 31)
    }

    private static func milliseconds(_ bucket: Int) -> Double {
        let (power, step) = (bucket / 32, bucket % 32)
        return Double(UInt64(1) << power) * (1 + Double(step + 1) / 32) / 1e6
    }
}

func rounded(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }
