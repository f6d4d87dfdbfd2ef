import Foundation
import Store
import Testing

@Suite struct IdempotencyTests {
    private let now = Date(timeIntervalSince1970: 1_795_435_200)
    private let lease = IdempotencyLease(owner: "host:1:a", duration: .seconds(60))

    private func withRows(_ body: (UserStore, TemporaryStore) async throws -> Void) async throws {
        try await withStore { store in try await body(store.store.user(store.user("ann").id), store) }
    }

    private func later(_ rows: UserStore, seconds: Double = 1, isAlive: Bool = true) async throws -> IdempotencyRecord? {
        try await rows.beginIdempotent(
            key: "k", requestHash: "h", lease: .init(owner: "host:2:b"), isAlive: { _ in isAlive }, now: now.addingTimeInterval(seconds))
    }

    @Test func aKeyIsItsOwnersWhileTheOwnerLives() async throws {
        try await withRows { rows, _ in
            #expect(try await rows.beginIdempotent(key: "k", requestHash: "h", lease: lease, now: now) == nil)
            let running = try #require(try await later(rows))
            #expect(running.status == nil && !running.isAbandoned && running.requestHash == "h")
            try await rows.finishIdempotent(key: "k", owner: lease.owner, requestHash: "h", status: 201, body: "{}")
            #expect(try await later(rows, isAlive: false)?.status == 201)
        }
    }

    @Test func aDeadOwnersKeyIsAbandonedAtOnceAndASilentOnesWhenItsLeaseIsOver() async throws {
        try await withRows { rows, _ in
            _ = try await rows.beginIdempotent(key: "k", requestHash: "h", lease: lease, now: now)
            #expect(try await later(rows, isAlive: false)?.isAbandoned == true)
            #expect(try await later(rows, seconds: 59)?.isAbandoned == false)
            #expect(try await later(rows, seconds: 61)?.isAbandoned == true)
            try await rows.renewIdempotent(key: "k", lease: lease, now: now.addingTimeInterval(59))
            #expect(try await later(rows, seconds: 61)?.isAbandoned == false)
            #expect(try await later(rows, seconds: 120)?.isAbandoned == true)
        }
    }

    @Test func anAbandonedKeyIsNobodysToUseAgain() async throws {
        try await withRows { rows, _ in
            _ = try await rows.beginIdempotent(key: "k", requestHash: "h", lease: lease, now: now)
            try await rows.abandonIdempotent(key: "k", owner: lease.owner)
            #expect(try await later(rows)?.isAbandoned == true)
            #expect(try await later(rows)?.isAbandoned == true, "and so it stays, for as long as a client may retry")
            #expect(try await later(rows, seconds: 86_401) == nil)
        }
    }

    @Test func onlyTheOwnerEndsIt() async throws {
        try await withRows { rows, _ in
            _ = try await rows.beginIdempotent(key: "k", requestHash: "h", lease: lease, now: now)
            try await rows.finishIdempotent(key: "k", owner: "host:2:b", requestHash: "h", status: 201, body: "{}")
            try await rows.freeIdempotent(key: "k", owner: "host:2:b")
            #expect(try await later(rows)?.status == nil)
            try await rows.freeIdempotent(key: "k", owner: lease.owner)
            #expect(try await later(rows) == nil)
        }
    }

    @Test func whatEndedIsNotEndedAgain() async throws {
        try await withRows { rows, _ in
            _ = try await rows.beginIdempotent(key: "k", requestHash: "h", lease: lease, now: now)
            try await rows.finishIdempotent(key: "k", owner: lease.owner, requestHash: "h content", status: 201, body: "first")
            try await rows.finishIdempotent(key: "k", owner: lease.owner, requestHash: "h", status: 201, body: "second")
            try await rows.freeIdempotent(key: "k", owner: lease.owner)
            let record = try await later(rows)
            #expect(record?.body == "first" && record?.requestHash == "h content")
        }
    }
}
