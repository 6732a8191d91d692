import Loci
import Migration
import Testing

@Suite("A throttle that expires")
struct ThrottleForTests {
    private let scratch: Scratch
    private let rig: Rig

    init() throws {
        scratch = try Scratch()
        rig = Rig(scratch, try scratch.create("user={user}"))
    }

    @Test("counts until its time is over, and then what was set before it counts again")
    func expires() throws {
        try rig.migrator.throttle(.perSecond(500))
        try rig.migrator.throttle(.none, for: .seconds(60))
        let status = try rig.migrator.status()
        #expect(status.throttle == .none && status.throttleAfterwards == .perSecond(500))
        let left = try #require(status.throttleUntil) - scratch.clock.time
        #expect(left > .seconds(59) && left <= .seconds(60))
        scratch.clock.advance(.seconds(59))
        #expect(try rig.migrator.status().throttle == .none)
        scratch.clock.advance(.seconds(1))
        let over = try rig.migrator.status()
        #expect(over.throttle == .perSecond(500) && over.throttleUntil == nil)
    }

    @Test("another that expires takes its place, and polite comes after both by default")
    func replaced() throws {
        try rig.migrator.throttle(.none, for: .seconds(60))
        try rig.migrator.throttle(.perSecond(7), for: .seconds(10))
        #expect(try rig.migrator.status().throttle == .perSecond(7))
        scratch.clock.advance(.seconds(10))
        #expect(try rig.migrator.status().throttle == .polite)
    }

    @Test("one that stands ends it at once")
    func ended() throws {
        try rig.migrator.throttle(.none, for: .seconds(60))
        try rig.migrator.throttle(.perSecond(3))
        let status = try rig.migrator.status()
        #expect(status.throttle == .perSecond(3) && status.throttleUntil == nil)
    }

    @Test("a time that is not above zero is refused")
    func refusesNothing() async throws {
        for time in [Duration.zero, .seconds(-1)] {
            #expect(
                await code { try rig.migrator.throttle(.none, for: time) } == .invalidArgument
            )
        }
        #expect(try rig.migrator.status().throttle == .polite)
    }
}
