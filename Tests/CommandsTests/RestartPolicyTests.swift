import Testing

@testable import Commands

@Suite("Whether a daemon that died is started again")
struct RestartPolicyTests {
    @Test("four deaths in a minute are borne, with the fifth it is given up on")
    func fifthDeath() {
        var policy = RestartPolicy(limit: 4)
        for second in 1...4 {
            #expect(policy.died(at: .seconds(second), served: true) == .start(after: .zero))
        }
        #expect(policy.died(at: .seconds(60), served: true) == .giveUp)
        #expect(policy.count == 5)
    }

    @Test("deaths that are a minute ago count no more")
    func slowDeaths() {
        var policy = RestartPolicy(limit: 4)
        for number in 0..<100 {
            let time = Duration.seconds(15 * number)
            #expect(policy.died(at: time, served: true) == .start(after: .zero))
        }
    }

    @Test("a start that comes to nothing is tried again after a pause that doubles")
    func pauses() {
        var policy = RestartPolicy(limit: 100)
        var pauses: [Duration] = []
        for _ in 0..<9 {
            if case .start(let pause) = policy.died(at: .zero, served: false) {
                pauses.append(pause)
            }
        }
        let expected: [Duration] = [100, 200, 400, 800].map { .milliseconds($0) }
        #expect(Array(pauses.prefix(4)) == expected)
        #expect(pauses.last == .seconds(1))
        policy.serves()
        #expect(policy.died(at: .zero, served: true) == .start(after: .zero))
        #expect(policy.died(at: .zero, served: false) == .start(after: .milliseconds(100)))
    }

    @Test("with a limit of none, the first death is the end")
    func noRestarts() {
        var policy = RestartPolicy(limit: 0)
        #expect(policy.died(at: .zero, served: true) == .giveUp)
    }
}
