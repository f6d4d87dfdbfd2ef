import Foundation
import Store
import Testing

@Suite struct ResponseCacheTests {
    private let now = Date(timeIntervalSince1970: 1_790_164_800)
    private let bounds = ResponseCacheBounds(lifetime: .seconds(60), bytes: 1000, rows: 5)

    private func withMinion(_ body: (UserStore, Minion, TemporaryStore) async throws -> Void) async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            try await body(rows, try await rows.createMinion(.sample()), store)
        }
    }

    @Test func aReplyIsFoundUntilItsTimeIsOver() async throws {
        try await withMinion { rows, minion, _ in
            try await rows.saveReply("h", minionID: minion.id, releaseID: nil, body: "one", bounds: bounds, now: now)
            #expect(try await rows.cachedReply("h", minionID: minion.id, now: now)?.body == "one")
            #expect(try await rows.cachedReply("h", minionID: minion.id, now: now.addingTimeInterval(59))?.hits == 2)
            #expect(try await rows.cachedReply("h", minionID: minion.id, now: now.addingTimeInterval(60)) == nil)
            #expect(try await rows.cachedReply("other", minionID: minion.id, now: now) == nil)
            try await rows.saveReply("h", minionID: minion.id, releaseID: nil, body: "two", bounds: bounds, now: now)
            #expect(try await rows.cachedReply("h", minionID: minion.id, now: now)?.body == "two")
        }
    }

    /// Trap 13: the row is found by its user and its minion, not by the hash alone.
    @Test func trap13TheSameHashIsAnotherRowForAnotherUserAndNoneForAnotherMinion() async throws {
        try await withMinion { rows, minion, store in
            let bob = store.store.user(try await store.user("bob").id)
            let bobs = try await bob.createMinion(.sample())
            try await rows.saveReply("h", minionID: minion.id, releaseID: nil, body: "ann's", bounds: bounds, now: now)
            #expect(try await bob.cachedReply("h", minionID: bobs.id, now: now) == nil)
            #expect(try await bob.cachedReply("h", minionID: minion.id, now: now) == nil)
            await #expect(throws: StoreError.self) {
                try await bob.saveReply("h", minionID: minion.id, releaseID: nil, body: "planted", bounds: bounds, now: now)
            }
            try await bob.saveReply("h", minionID: bobs.id, releaseID: nil, body: "bob's", bounds: bounds, now: now)
            #expect(try await rows.cachedReply("h", minionID: minion.id, now: now)?.body == "ann's")
            let second = try await rows.createMinion(.sample("Second"))
            #expect(try await rows.cachedReply("h", minionID: second.id, now: now) == nil)
        }
    }

    @Test func theOldestGoWhereTheBoundsAreReached() async throws {
        try await withMinion { rows, minion, _ in
            func save(_ name: String, bytes: Int, _ age: Double) async throws {
                try await rows.saveReply(
                    name, minionID: minion.id, releaseID: nil, body: String(repeating: "x", count: bytes), bounds: bounds,
                    now: now.addingTimeInterval(age))
            }
            func kept(_ names: [String], _ age: Double) async throws -> [String] {
                var kept: [String] = []
                for name in names where try await rows.cachedReply(name, minionID: minion.id, now: now.addingTimeInterval(age)) != nil {
                    kept.append(name)
                }
                return kept
            }
            for number in 0..<7 { try await save("r\(number)", bytes: 10, Double(number)) }
            #expect(try await kept((0..<7).map { "r\($0)" }, 8) == ["r2", "r3", "r4", "r5", "r6"], "five rows")
            try await save("big", bytes: 970, 10)
            #expect(try await kept(["r2", "r3", "r4", "r5", "r6", "big"], 11) == ["r4", "r5", "r6", "big"], "a thousand bytes")
            try await save("huge", bytes: 1001, 12)
            #expect(try await kept(["r4", "r5", "r6", "big", "huge"], 12) == ["r4", "r5", "r6", "big"])
            // What is over its time leaves the disk with the next that is kept.
            try await save("late", bytes: 1, 1000)
            #expect(try await kept(["r4", "big", "late"], 20) == ["late"])
        }
    }

    /// Trap 23: what is deleted leaves no text behind.
    @Test func aMinionTakesItsCachedRepliesAlong() async throws {
        try await withMinion { rows, minion, store in
            try await rows.saveReply("h", minionID: minion.id, releaseID: nil, body: "quotes", bounds: bounds, now: now)
            _ = try await rows.deleteMinion(minion.id)
            let database = try store.place.open()
            #expect(try await database.read { try $0.query("SELECT key_hash FROM response_cache").count } == 0)
            try database.close()
        }
    }
}
