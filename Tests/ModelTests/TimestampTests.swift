import Testing

@testable import Model

@Suite("moments, durations and sizes as people write them")
struct TimestampTests {
    @Test(
        "known moments print and read back",
        arguments: [
            (0, 0, "1970-01-01T00:00:00Z"), (-1, 0, "1969-12-31T23:59:59Z"),
            (951_782_399, 0, "2000-02-28T23:59:59Z"), (951_782_400, 0, "2000-02-29T00:00:00Z"),
            (951_868_800, 0, "2000-03-01T00:00:00Z"), (1_709_164_800, 0, "2024-02-29T00:00:00Z"),
            (-2_203_891_200, 0, "1900-03-01T00:00:00Z"),
            (-2_203_977_600, 0, "1900-02-28T00:00:00Z"),
            (4_107_542_399, 999_999_999, "2100-02-28T23:59:59.999999999Z"),
            (4_107_542_400, 1, "2100-03-01T00:00:00.000000001Z"),
            (1_234_567_890, 500_000_000, "2009-02-13T23:31:30.500000000Z"),
        ] as [(Int64, Int64, String)]
    )
    func known(seconds: Int64, nanoseconds: Int64, text: String) throws {
        let moment = try #require(Timestamp(seconds: seconds, nanoseconds: nanoseconds))
        #expect(moment.description == text)
        #expect(try Timestamp(text) == moment)
    }

    @Test(
        "every moment reads back from its text, the first and the last included",
        arguments: 0..<5
    )
    func roundTrip(seed: Int) throws {
        var generator = SplitMix64(seed: UInt64(seed))
        for _ in 0..<2000 {
            let moment = Timestamp(nanoseconds: Int64(bitPattern: generator.next()))
            #expect(try Timestamp(moment.description) == moment, "seed \(seed): \(moment)")
        }
        #expect(try Timestamp(Timestamp.distantPast.description) == .distantPast)
        #expect(try Timestamp(Timestamp.distantFuture.description) == .distantFuture)
    }

    @Test("days count one by one through leap years and centuries")
    func days() {
        var date = CivilDate(year: 1676, month: 12, day: 31)
        for number in date.dayNumber...CivilDate(year: 2263, month: 1, day: 1).dayNumber {
            #expect(CivilDate(dayNumber: number) == date && date.dayNumber == number)
            date.day += 1
            if !date.exists { date = CivilDate(year: date.year, month: date.month + 1, day: 1) }
            if !date.exists { date = CivilDate(year: date.year + 1, month: 1, day: 1) }
        }
    }

    @Test("offsets, decimals and a date alone are read")
    func forms() throws {
        let moment = try Timestamp("2024-02-29T12:00:00Z")
        #expect(try Timestamp("2024-02-29T14:30:00+02:30") == moment)
        #expect(try Timestamp("2024-02-29t07:00:00-05:00") == moment)
        #expect(try Timestamp("2024-02-29 12:00:00.000z") == moment)
        #expect(try Timestamp("2024-02-29").description == "2024-02-29T00:00:00Z")
        #expect(try Timestamp("1969-12-31T23:59:59.25Z").nanoseconds == -750_000_000)
        #expect(
            try Timestamp("2024-02-29T12:00:00.1234567899Z").subsecondNanoseconds == 123_456_789
        )
    }

    @Test(
        "what is no moment is refused",
        arguments: [
            "", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "-2024-01-01",
            "0000-01-01", "9999-01-01", "1677-09-21T00:12:43Z", "2024-01-01T24:00:00Z",
            "2024-01-01T12:60:00Z", "2024-01-01T12:00:60Z", "2024-01-01T12:00:00",
            "2024-01-01T12:00:00.Z", "2024-01-01T12:00:00+24:00", "2024-01-01T12:00:00ZZ", "24-1-1",
        ]
    )
    func refused(text: String) {
        #expect(failure { _ = try Timestamp(text) }?.code == .invalidArgument)
    }

    @Test("relative times count from now")
    func relative() throws {
        let now = try Timestamp("2024-03-01T12:00:00Z")
        #expect(try Timestamp("now", now: now) == now)
        #expect(try Timestamp("-2h", now: now).description == "2024-03-01T10:00:00Z")
        #expect(try Timestamp("yesterday", now: now).description == "2024-02-29T12:00:00Z")
        #expect(try Timestamp("2024-02-29", now: now).description == "2024-02-29T00:00:00Z")
        #expect(throws: LociError.self) { try Timestamp("-2", now: now) }
    }

    @Test("adding a duration stops at the ends of time")
    func arithmetic() throws {
        let moment = try Timestamp("2024-03-01")
        #expect(moment + .seconds(90) - moment == .seconds(90))
        #expect(moment - .milliseconds(1) < moment)
        #expect(moment + .seconds(Int64.max) == .distantFuture)
        #expect(moment - .seconds(1 << 40) == .distantPast)
        #expect(Timestamp.distantFuture - Timestamp.distantPast > .seconds(18_446_744_072))
    }

    @Test("durations are read with units, several in a row")
    func durations() throws {
        #expect(try LociDuration.parse("90s") == .seconds(90))
        #expect(try LociDuration.parse("250ms") == .milliseconds(250))
        #expect(try LociDuration.parse("1h30m") == .seconds(5400))
        #expect(try LociDuration.parse("7d") == .seconds(604_800))
        #expect(LociDuration.text(.milliseconds(5_400_250)) == "1h30m250ms")
        #expect(LociDuration.text(.zero) == "0ms")
        for text in ["", "90", "s", "1.5h", "-1s", "1y", "99999999999999999d"] {
            #expect(failure { _ = try LociDuration.parse(text) }?.code == .invalidArgument)
        }
    }

    @Test("sizes are read with units and printed in the largest that fits")
    func sizes() throws {
        #expect(try ByteCount(parsing: "10MiB").rawValue == 10_485_760)
        #expect(try ByteCount(parsing: "2GB").rawValue == 2_000_000_000)
        #expect(try ByteCount(parsing: "512").rawValue == 512)
        let printed = [0, 1023, 1024, 1536, 10_485_760, Int64.max].map { ByteCount($0).description }
        #expect(printed == ["0B", "1023B", "1KiB", "1.5KiB", "10MiB", "7.9EiB"])
        for text in ["", "MiB", "-1", "1.5GiB", "1XB", "99999999999TiB"] {
            #expect(failure { _ = try ByteCount(parsing: text) }?.code == .invalidArgument)
        }
    }
}
