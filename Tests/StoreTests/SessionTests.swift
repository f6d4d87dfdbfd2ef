import Foundation
import TestDatabases
import Testing

@testable import Store

@Suite(.timeLimit(.minutes(10)))
struct SessionTests {
    @Test func sessionsEndByTimeIdlenessLogOutAndClosing() async throws {
        try await withStore { store in
            let ann = try await store.user("ann")
            func open(_ lifetime: Duration = .seconds(60)) async throws -> String {
                try await store.accounts.openSession(user: ann.id, lifetime: lifetime, ip: nil, agent: nil).token
            }
            let one = try await open()
            #expect(try await store.accounts.user(session: one)?.id == ann.id)
            #expect(try await store.accounts.user(session: one, now: Date().addingTimeInterval(61)) == nil)
            try await store.accounts.closeSession(one)
            #expect(try await store.accounts.user(session: one) == nil)
            let two = try await open()
            try await store.accounts.setPassword("another one", email: "ann@example.org")
            #expect(try await store.accounts.user(session: two) == nil)
            let three = try await open()
            _ = try await store.accounts.setActive(false, user: ann.id)
            #expect(try await store.accounts.user(session: three) == nil)
            _ = try await store.accounts.setActive(true, user: ann.id)

            // An hour's idleness ends it, and every use begins the hour anew.
            let idle = store.store.accounts(hasher: PasswordHasher(costExponent: 4), idle: .seconds(3600))
            let four = try await open(.seconds(86_400))
            let later = Date().addingTimeInterval(3000)
            #expect(try await idle.user(session: four, now: later) != nil)
            #expect(try await idle.user(session: four, now: later.addingTimeInterval(3500)) != nil)
            #expect(try await idle.user(session: four, now: later.addingTimeInterval(7200)) == nil)
            #expect(try await idle.sessions(of: ann.id, current: four, now: later.addingTimeInterval(7200)).isEmpty)
        }
    }

    @Test func theSessionUnusedLongestMakesRoomForOneTooMany() async throws {
        try await withStore { store in
            let (ann, bob) = (try await store.user("ann").id, try await store.user("bob").id)
            func open(_ user: String) async throws -> String {
                try await store.accounts.openSession(user: user, lifetime: .seconds(86_400), ip: nil, agent: nil).token
            }
            let (bobs, first, second) = (try await open(bob), try await open(ann), try await open(ann))
            try await store.store.database.write {
                try $0.query("UPDATE sessions SET last_seen = last_seen - 60000 WHERE token_hash = $1", .text(Token.hash(second)))
            }
            var last = ""
            for _ in 1..<Accounts.mostSessions { last = try await open(ann) }
            #expect(try await store.accounts.sessions(of: ann, current: last).count == Accounts.mostSessions)
            #expect(try await store.accounts.user(session: second) == nil)
            for token in [first, last, bobs] { #expect(try await store.accounts.user(session: token) != nil) }
        }
    }

    @Test func aPersonSeesTheirOwnSessionsAndEndsThemOneByOne() async throws {
        try await withStore { store in
            let (ann, bob) = (try await store.user("ann").id, try await store.user("bob").id)
            func open(_ user: String, _ agent: String) async throws -> String {
                try await store.accounts.openSession(user: user, lifetime: .seconds(60), ip: "192.0.2.7", agent: agent).token
            }
            let (phone, laptop, bobs) = (try await open(ann, "phone"), try await open(ann, "laptop"), try await open(bob, "tablet"))
            let sessions = try await store.accounts.sessions(of: ann, current: laptop)
            #expect(Set(sessions.map(\.agent)) == ["phone", "laptop"] && sessions.allSatisfy { $0.address == "192.0.2.7" })
            #expect(sessions.filter(\.isCurrent).map(\.agent) == ["laptop"])
            for session in sessions {
                for token in [phone, laptop] {
                    #expect(!token.contains(session.id.dropFirst(4)) && !Token.hash(token).contains(session.id.dropFirst(4)))
                }
                #expect(try await store.accounts.user(session: session.id) == nil, "an id opens nothing")
            }
            let id = try #require(sessions.first { $0.agent == "phone" }).id
            await #expect(throws: StoreError.self, "another's") { try await store.accounts.endSession(id, of: bob) }
            try await store.accounts.endSession(id, of: ann)
            await #expect(throws: StoreError.self, "ended already") { try await store.accounts.endSession(id, of: ann) }
            #expect(try await store.accounts.user(session: phone) == nil)
            #expect(try await store.accounts.user(session: laptop)?.id == ann)
            try await store.accounts.endSessions(of: ann)
            #expect(try await store.accounts.user(session: laptop) == nil)
            #expect(try await store.accounts.user(session: bobs)?.id == bob)
        }
    }

    /// What is followed by a session ends with it, and nothing else does.
    @Test(arguments: ["log-out", "closing", "ending it", "ending all", "another password", "an operator's password"])
    func whatIsFollowedEndsWithTheSession(_ way: String) async throws {
        try await withStore { store in
            let ann = try await store.user("ann")
            let bob = try await store.user("bob")
            // Looked at only when woken: nothing here ends because a time has passed.
            let watch = SessionWatch(interval: .seconds(86_400))
            let accounts = Accounts(
                database: store.store.database, hasher: PasswordHasher(costExponent: 4), idle: .seconds(3600), watch: watch, costs: PasswordCosts(),
                vault: store.store.vault)
            let (here, stays) = (try await Followed(accounts, ann), try await Followed(accounts, way == "ending it" ? ann : bob))
            let kept = try await accounts.openSession(user: ann.id, lifetime: .seconds(60), ip: nil, agent: nil).token
            switch way {
            case "log-out": try await accounts.closeSession(here.token)
            case "closing": _ = try await accounts.setActive(false, user: ann.id)
            case "ending it": try await accounts.endSession(Session.id(hash: Token.hash(here.token)), of: ann.id)
            case "ending all": try await accounts.endSessions(of: ann.id)
            case "another password": #expect(try await accounts.changePassword(of: ann, from: "long enough", to: "something new", keeping: kept))
            default: try await accounts.setPassword("something new", email: ann.email)
            }
            await #expect(throws: SessionEnded.self) { try await here.task.value }
            #expect(watch.count == 1, "the other goes on")
            stays.task.cancel()
            await #expect(throws: CancellationError.self) { try await stays.task.value }
            #expect(watch.count == 0)
        }
    }

    @Test func whatIsFollowedToItsEndJustEnds() async throws {
        try await withStore { store in
            let ann = try await store.user("ann").id
            let token = try await store.accounts.openSession(user: ann, lifetime: .seconds(60), ip: nil, agent: nil).token
            try await store.accounts.whileOpen(token, of: ann) {}
            await #expect(throws: SessionEnded.self, "one that was over before") {
                try await store.accounts.whileOpen("session_0", of: ann) { try await Task.sleep(for: .seconds(86_400)) }
            }
            #expect(store.store.sessions.count == 0)
        }
    }
}

/// Something that is followed by a session and would never end.
struct Followed {
    let token: String
    let task: Task<Void, any Error>

    init(_ accounts: Accounts, _ user: User) async throws {
        let token = try await accounts.openSession(user: user.id, lifetime: .seconds(600), ip: nil, agent: nil).token
        let (started, start) = AsyncStream<Void>.makeStream()
        task = Task {
            try await accounts.whileOpen(token, of: user.id) {
                start.yield()
                try await Task.sleep(for: .seconds(86_400))
            }
        }
        for await _ in started { break }
        self.token = token
    }
}
