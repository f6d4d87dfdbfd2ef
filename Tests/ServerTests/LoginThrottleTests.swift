import Foundation
import Server
import Testing

@Suite struct LoginThrottleTests {
    private let throttle = LoginThrottle()
    private let start = Date(timeIntervalSince1970: 1_000_000)

    private func network(_ number: Int) -> ClientNetwork? { NetworkAddress("2001:db8:0:\(String(number, radix: 16))::1")?.network }

    /// Fails so often, without waiting; whether the last try was let in.
    private func fail(_ times: Int, _ account: String = "ann", from place: Int, at now: Date? = nil) -> Bool {
        (0..<times).map { _ in throttle.begin(account: account, from: network(place), now: now ?? start) == nil }.last ?? false
    }

    @Test func aStrangersFailuresDoNotLockTheOwnerOut() {
        for _ in 0..<100 { _ = fail(1, from: 1) }
        #expect(throttle.begin(account: "ANN", from: network(1), now: start) != nil)
        #expect(throttle.begin(account: "ann", from: network(2), now: start) == nil)
    }

    @Test func theStrangersNetworkWaitsLongerAndLonger() {
        #expect(fail(5, from: 1) && !fail(1, from: 1))
        #expect(throttle.begin(account: "ann", from: network(1), now: start + 16) == nil)
        #expect(throttle.begin(account: "ann", from: network(1), now: start + 17) == 29)
        // Other addresses of the same network are the same client.
        #expect(throttle.begin(account: "ann", from: NetworkAddress("2001:db8:0:1:ffff::2")?.network, now: start + 17) != nil)
    }

    @Test func oneNetworkCannotGuessAtManyAccounts() {
        #expect((0..<30).filter { fail(1, "account-\($0)", from: 1) } == Array(0..<20))
    }

    @Test func anAccountTriedFromEverywhereIsSlowedButNeverLocked() {
        for place in 0..<200 { _ = fail(4, from: 1000 + place) }
        // Whoever comes new waits a moment, again and again, and gets in between.
        let wait = throttle.begin(account: "ann", from: network(1), now: start)
        #expect(wait.map { (1...2).contains($0) } == true)
        #expect(throttle.begin(account: "ann", from: network(1), now: start + 2) == nil)
        #expect(throttle.begin(account: "ann", from: network(2), now: start + 2.5) != nil)
        #expect(throttle.begin(account: "ann", from: network(2), now: start + 4) == nil)
        // Which is no lock-out.
        #expect(throttle.lockOut(account: "ann", from: network(2), now: start + 4) == nil)
    }

    @Test func whereTheOwnerHasSignedInBeforeNothingOfItIsFelt() {
        #expect(fail(1, from: 1))
        throttle.succeeded(account: "ann", from: network(1), now: start)
        for place in 0..<200 { _ = fail(4, from: 1000 + place, at: start + 1) }
        for moment in 0..<20 {
            #expect(throttle.begin(account: "ann", from: network(1), now: start + 1 + Double(moment) / 100) == nil)
            throttle.succeeded(account: "ann", from: network(1), now: start + 1)
        }
    }

    @Test func memoryIsBoundedAndWhoIsBlockedStaysSo() {
        #expect(!fail(6, from: 1))
        for number in 0..<60_000 { _ = throttle.begin(account: "a\(number)", from: network(number), now: start) }
        #expect(throttle.begin(account: "ann", from: network(1), now: start) != nil)
        #expect(throttle.remembered < 40_000)
    }
}
