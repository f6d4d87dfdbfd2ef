import Foundation
import Store
import TestSupport
import Testing

/// Who comes when.
@Suite struct JobTurnsTests {
    private final class Fixture {
        let store: Store
        let queue: JobQueue
        var now = Date()

        init(_ store: Store) {
            self.store = store
            queue = store.queue
        }

        /// A queued job on a minion of its own, so that nothing but turns and limits hold it back.
        func job(_ user: String, priority: Int = 0, runAt: Date? = nil) async throws -> String {
            let rows = store.user(user)
            let minion = try await rows.createMinion(.sample(UUID().uuidString))
            var draft = TrainingJobDraft(jobName: "j", minionID: minion.id, trainingType: .ragOnly, datasetIDs: [])
            draft.plan.priority = priority
            return try await rows.startJob(rows.createJob(draft).id, runAt: runAt).id
        }

        func claim(_ limits: ClaimLimits = .init()) async throws -> TrainingJob? {
            now += 1
            return try await queue.claim(worker: "w", lease: .seconds(3600), limits: limits, now: now)
        }

        func finish(_ job: TrainingJob) async throws {
            _ = try await queue.complete(job, worker: "w", release: .init(adapter: nil, collection: nil, evaluation: .init()))
        }
    }

    private func withQueue(_ body: (Fixture, _ users: [String]) async throws -> Void) async throws {
        try await withStore { store in
            var users: [String] = []
            for name in ["ann", "bob", "cid"] { users.append(try await store.user(name).id) }
            try await body(Fixture(store.store), users)
        }
    }

    @Test func aUserWithManyJobsDoesNotHoldUpOneWithFew() async throws {
        try await withQueue { fixture, users in
            for _ in 0..<6 { _ = try await fixture.job(users[0]) }
            for user in users[1...] { _ = try await fixture.job(user) }
            var order: [String] = []
            while let job = try await fixture.claim() {
                order.append(job.userID)
                try await fixture.finish(job)
            }
            #expect(Set(order.prefix(3)) == Set(users), "everybody has had a turn before anybody's second")
            #expect(order.count == 8)
        }
    }

    /// Whatever the order of arrivals and endings: a user who waits is not passed over twice by the same other user.
    @Test(arguments: 0..<6)
    func nobodyStarves(_ seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        try await withQueue { fixture, users in
            var running: [TrainingJob] = []
            var waiting: [String: Int] = [:]
            /// Of each user who waits, whose turns have come since their own last one.
            var passed: [String: [String]] = [:]
            for _ in 0..<60 {
                switch random.next() % 3 {
                case 0:
                    // The first floods the queue.
                    let user = users[[0, 0, 0, 1, 2][Int(random.next() % 5)]]
                    _ = try await fixture.job(user, priority: Int(random.next() % 21) - 10)
                    if waiting[user, default: 0] == 0 { passed[user] = [] }
                    waiting[user, default: 0] += 1
                case 1:
                    guard !running.isEmpty else { continue }
                    try await fixture.finish(running.remove(at: Int(random.next() % UInt64(running.count))))
                default:
                    let job = try await fixture.claim(.init(jobsPerUser: 2))
                    guard let job else { continue }
                    running.append(job)
                    waiting[job.userID]! -= 1
                    passed[job.userID] = []
                    for (user, count) in waiting where count > 0 && user != job.userID && running.count(where: { $0.userID == user }) == 0 {
                        passed[user]!.append(job.userID)
                        #expect(passed[user]!.count == Set(passed[user]!).count, "\(user) was passed over twice by one other")
                    }
                }
            }
        }
    }

    @Test func prioritiesOrderAUsersOwnJobsAndNobodyElses() async throws {
        try await withQueue { fixture, users in
            let low = try await fixture.job(users[0], priority: -5)
            let first = try await fixture.job(users[0])
            let high = try await fixture.job(users[0], priority: 10)
            let other = try await fixture.job(users[1], priority: -10)
            var order: [String] = []
            while let job = try await fixture.claim() {
                order.append(job.id)
                try await fixture.finish(job)
            }
            #expect(order == [high, other, first, low])
        }
    }

    @Test func limitsOfUserAndMachineHold() async throws {
        try await withQueue { fixture, users in
            for _ in 0..<4 { _ = try await fixture.job(users[0]) }
            _ = try await fixture.job(users[1])
            let limits = ClaimLimits(host: "h", jobsPerHost: 3, jobsPerUser: 2)
            var running: [TrainingJob] = []
            while let job = try await fixture.claim(limits) { running.append(job) }
            #expect(running.count == 3 && running.count { $0.userID == users[0] } == 2)
            // Another machine has room, the user has not.
            #expect(try await fixture.claim(.init(host: "i", jobsPerHost: 3, jobsPerUser: 2)) == nil)
            try await fixture.finish(running.first { $0.userID == users[0] }!)
            #expect(try await fixture.claim(limits)?.userID == users[0])
        }
    }

    @Test func limitsHoldWhenManyAskAtOnce() async throws {
        try await withQueue { fixture, users in
            for user in users { for _ in 0..<4 { _ = try await fixture.job(user) } }
            let queue = fixture.queue
            let claimed = try await withThrowingTaskGroup(of: TrainingJob?.self) { group in
                for number in 0..<16 {
                    group.addTask {
                        try await queue.claim(
                            worker: "w\(number)", lease: .seconds(60), limits: .init(host: "h\(number % 2)", jobsPerHost: 3, jobsPerUser: 2))
                    }
                }
                return try await group.reduce(into: [TrainingJob]()) { if let job = $1 { $0.append(job) } }
            }
            #expect(claimed.count == 6 && Set(claimed.map(\.id)).count == 6)
            for user in users { #expect(claimed.count { $0.userID == user } == 2) }
        }
    }

    @Test func oneMinionsJobsRunOneAfterTheOther() async throws {
        try await withQueue { fixture, users in
            let rows = fixture.store.user(users[0])
            let minion = try await rows.createMinion(.sample())
            for _ in 0..<2 {
                _ = try await rows.startJob(
                    rows.createJob(.init(jobName: "j", minionID: minion.id, trainingType: .ragOnly, datasetIDs: [])).id)
            }
            let first = try #require(try await fixture.claim())
            #expect(try await fixture.claim() == nil, "they would build the same version of its collection")
            try await fixture.finish(first)
            #expect(try await fixture.claim() != nil)
        }
    }

    @Test func aJobForLaterWaitsForItsTime() async throws {
        try await withQueue { fixture, users in
            let job = try await fixture.job(users[0], runAt: fixture.now.addingTimeInterval(100))
            #expect(try await fixture.claim() == nil)
            fixture.now += 100
            #expect(try await fixture.claim()?.id == job)
        }
    }

    @Test func aJobThatLostItsWorkerComesFirst() async throws {
        try await withQueue { fixture, users in
            let first = try await fixture.job(users[0])
            _ = try #require(try await fixture.claim())
            _ = try await fixture.job(users[1])
            _ = try await fixture.queue.requeueLost(now: fixture.now, isAlive: { _ in false })
            #expect(try await fixture.claim()?.id == first)
        }
    }
}
