import LocalModels
import Testing

@Suite struct FairGateTests {
    /// Begins a wait and returns when it is in line.
    private func waiter(_ gate: FairGate, _ user: String) async -> Task<FairGate.Place, any Error> {
        let before = gate.use.waiting
        let task = Task { try await gate.enter(user) }
        while gate.use.waiting == before { await Task.yield() }
        return task
    }

    @Test func aUserLeavesAPlaceToOthers() async throws {
        let gate = FairGate("slots", places: 3, mostWaiting: 10)
        let (first, second) = (try await gate.enter("ann"), try await gate.enter("ann"))
        let third = await waiter(gate, "ann")
        // Bob is let in beside Ann, who holds all she may and waits for more.
        let bob = try await gate.enter("bob")
        #expect(gate.use.held == 3 && gate.use.waiting == 1)
        first.leave()
        _ = try await third.value
        bob.leave()
        second.leave()
    }

    @Test func oneWhoWaitsIsServedBeforeTheNextOfOneWhoWasServed() async throws {
        let gate = FairGate("slots", places: 1, mostWaiting: 10)
        let held = try await gate.enter("ann")
        let anns = [await waiter(gate, "ann"), await waiter(gate, "ann")]
        let bobs = await waiter(gate, "bob")
        held.leave()
        let first = try await anns[0].value
        #expect(gate.use.waiting == 2)
        first.leave()
        // Bob came last and is the second to be served.
        let second = try await bobs.value
        second.leave()
        try await anns[1].value.leave()
        #expect(gate.use == (0, 0))
    }

    @Test func aWaitEndsWithItsTaskAndKeepsNoPlace() async throws {
        let gate = FairGate("slots", places: 1, mostWaiting: 10)
        let held = try await gate.enter("ann")
        let waiting = await waiter(gate, "bob")
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(gate.use == (1, 0))
        let gone = Task { try await gate.enter("bob") }
        gone.cancel()
        await #expect(throws: CancellationError.self) { try await gone.value }
        held.leave()
        held.leave()
        #expect(gate.use == (0, 0))
    }

    @Test func aPlaceThatNobodyHoldsIsFree() async throws {
        let gate = FairGate("slots", places: 1, mostWaiting: 10)
        var place: FairGate.Place? = try await gate.enter("ann")
        let next = await waiter(gate, "bob")
        #expect(place != nil)
        place = nil
        _ = try await next.value
    }

    @Test func tooManyWaitersOfOneUserAreRefusedAndAnotherUserIsNot() async throws {
        let gate = FairGate("merged_exports", places: 1, mostWaiting: 2)
        let held = try await gate.enter("ann")
        let waiting = [await waiter(gate, "ann"), await waiter(gate, "ann")]
        do {
            _ = try await gate.enter("ann")
            Issue.record("a third waits")
        } catch let full as FairGate.Full { #expect(full.name == "merged_exports" && full.waiting == 2 && full.limit == 2) }
        let bob = await waiter(gate, "bob")
        held.leave()
        try await waiting[0].value.leave()
        try await bob.value.leave()
        try await waiting[1].value.leave()
    }

    @Test(arguments: 1...4)
    func noMoreThanThePlacesAndNoMoreThanAShareAreEverHeld(places: Int) async throws {
        let gate = FairGate("slots", places: places, mostWaiting: 1000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let place = try await gate.enter(number % 3 == 0 ? "bob" : "ann")
                    #expect(gate.use.held <= places)
                    await Task.yield()
                    place.leave()
                }
            }
            try await group.waitForAll()
        }
        #expect(gate.use == (0, 0))
    }
}
