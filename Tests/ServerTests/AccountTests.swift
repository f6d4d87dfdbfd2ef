import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing

@testable import Server
@testable import Store

/// What a person does with their own account.
@Suite(.timeLimit(.minutes(10)))
struct AccountTests {
    @Test func thePasswordIsChangedByWhoKnowsIt() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let elsewhere = try await server.session(of: ann.id)
            func change(_ current: String, _ new: String) async throws -> TestServer.Reply {
                try await server.send(.put, "/api/me/password", #"{"current_password":"\#(current)","new_password":"\#(new)"}"#, token: ann.token)
            }
            let wrong = try await change("a guess", "something new")
            #expect(wrong.status == 422 && wrong.details.first?["field"] as? String == "current_password", "\(wrong.text)")
            #expect(wrong.details.first?["code"] as? String == "wrong_password" && !wrong.text.contains("guess"))
            #expect(try await change("long enough", "short").details.first?["field"] as? String == "new_password")
            for same in ["long enough", "a guess of it"] {
                let refused = try await change(same, same)
                #expect(
                    refused.status == 422 && refused.details.map { $0["field"] as? String } == ["new_password"], "whether it is right is not told")
            }
            #expect(try await change("long enough", "something new").status == 204)
            #expect(try await server.send(.get, "/api/me", token: ann.token).status == 200)
            #expect(try await server.send(.get, "/api/me", token: elsewhere).status == 401)
            #expect(try await server.send(.post, "/api/auth/login", #"{"email":"ann@example.org","password":"something new"}"#).status == 200)
        }
    }

    /// A session that was left open does not serve to guess the password, and a lock-out is kept in the audit log.
    @Test func guessingTheCurrentPasswordIsSlowed() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let root = try await server.person("root", role: .superuser)
            let guess = #"{"current_password":"a guess","new_password":"something new"}"#
            for _ in 0..<5 { #expect(try await server.send(.put, "/api/me/password", guess, token: ann.token).status == 422) }
            let slowed = try await server.send(.put, "/api/me/password", guess, token: ann.token)
            #expect(slowed.status == 429 && slowed.headers[.retryAfter] != nil)
            let log = try await server.send(.get, "/api/admin/audit-log?user=\(ann.id)", token: root.token)
            let items = try #require(log.json["items"] as? [[String: Any]])
            func times(_ action: String) -> Int { items.filter { $0["action"] as? String == action }.reduce(0) { $0 + ($1["times"] as? Int ?? 0) } }
            #expect(times("user.password_failed") == 5 && times("user.locked_out") == 1)
            #expect(!log.text.contains("guess"))
        }
    }

    /// The settings for idle sessions and for old entries of the audit log have their effect.
    @Test func whatIsNotUsedAndWhatIsOldEndsWhenTheSettingsSay() async throws {
        try await TestServer.run({ ($0.sessionIdleHours, $0.keepAuditDays) = (2, 1) }) { server in
            let ann = try await server.person("ann")
            let root = try await server.person("root", role: .superuser)
            func age(_ hours: Double) async throws {
                let then = SQLValue(Date().addingTimeInterval(-hours * 3600))
                try await server.app.store.database.write {
                    try $0.query("UPDATE sessions SET last_seen = $2 WHERE token_hash = $1", .text(Token.hash(ann.token)), then)
                    try $0.query("UPDATE audit_log SET at = $2 WHERE user_id = $1", .text(ann.id), then)
                }
            }
            func entries() async throws -> Int? {
                try await (server.send(.get, "/api/admin/audit-log?user=\(ann.id)&action=user", token: root.token).json["items"] as? [Any])?.count
            }
            try await age(1.9)
            #expect(try await server.send(.get, "/api/me", token: ann.token).status == 200)
            try await age(2.1)
            #expect(try await server.send(.get, "/api/me", token: ann.token).status == 401)
            try await server.app.housekeeping.sweepAudit()
            #expect(try await entries() == 2, "made and signed in")
            try await age(25)
            try await server.app.housekeeping.sweepAudit()
            #expect(try await entries() == 0)
        }
    }

    @Test func oneSeesOnesSessionsAndEndsThem() async throws {
        try await TestServer.run { server in
            let (ann, bob) = (try await server.person("ann"), try await server.person("bob"))
            let phone = try await server.session(of: ann.id)
            let reply = try await server.send(.get, "/api/me/sessions", token: ann.token)
            let sessions = try #require(reply.json["items"] as? [[String: Any]])
            #expect(sessions.count == 2 && sessions.count { $0["is_current"] as? Bool == true } == 1)
            #expect(!reply.text.contains(ann.token.dropFirst(8)) && !reply.text.contains(Token.hash(ann.token)))
            let other = try #require(sessions.first { $0["is_current"] as? Bool == false }?["id"] as? String)
            #expect(try await server.send(.delete, "/api/me/sessions/\(other)", token: bob.token).status == 404)
            #expect(try await server.send(.delete, "/api/me/sessions/\(other)", token: ann.token).status == 204)
            #expect(try await server.send(.get, "/api/me", token: phone).status == 401)
            let page: HTTPFields = [.cookie: "__Host-atelier_session=\(ann.token)", .init("x-atelier-request")!: "page"]
            let out = try await server.send(.delete, "/api/me/sessions", headers: page)
            #expect(out.status == 204 && out.headers[.setCookie]?.contains("Max-Age=0") == true)
            #expect(try await server.send(.get, "/api/me", token: ann.token).status == 401)
            #expect(try await server.send(.get, "/api/me", token: bob.token).status == 200)
        }
    }

    /// The stream of a job that never ends ends with the session, and says so.
    @Test(arguments: ["log-out", "closing"])
    func aJobsEventsEndWithTheSession(_ way: String) async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let rows = server.app.store.user(ann.id)
            let minion = try await rows.createMinion(MinionDraft(name: "w", displayName: "w", provider: "local", modelID: "m"))
            let job = try await rows.createJob(.init(jobName: "j", minionID: minion.id, trainingType: .loraOnly, datasetIDs: []))
            _ = try await rows.startJob(job.id)
            let accounts = server.app.store.accounts(hasher: PasswordHasher(costExponent: 4))
            let stream = Task {
                let reply = try await server.send(.get, "\(ann.base)/external-training/jobs/\(job.id)/events", token: ann.token)
                return (status: reply.status, text: reply.text)
            }
            while server.app.store.sessions.count == 0 { await Task.yield() }
            if way == "closing" { _ = try await accounts.setActive(false, user: ann.id) } else { try await accounts.closeSession(ann.token) }
            let reply = try await stream.value
            #expect(reply.status == 200 && reply.text.contains("event: error\ndata: {\"error\":{") && reply.text.contains("session_ended"))
        }
    }

    /// The same of a streamed answer, here of a vendor that takes the request and never answers.
    @Test func aStreamedAnswerEndsWithTheSession() async throws {
        let vendor = try SilentListener()
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let rows = server.app.store.user(ann.id)
            var draft = MinionDraft(name: "w", displayName: "w", provider: "custom", modelID: "m")
            draft.baseURL = "http://127.0.0.1:\(vendor.port)/v1"
            let minion = try await rows.createMinion(draft)
            _ = try await rows.createProviderKey("custom", key: "sk-abcdefgh1234", baseURL: draft.baseURL)
            let stream = Task {
                let reply = try await server.send(
                    .post, "\(ann.base)/minions/\(minion.id)/ask", #"{"question":"Are you there?","stream":true}"#, token: ann.token)
                return (status: reply.status, text: reply.text)
            }
            while server.app.store.sessions.count == 0 { await Task.yield() }
            try await server.app.store.accounts(hasher: PasswordHasher(costExponent: 4)).endSessions(of: ann.id)
            let reply = try await stream.value
            // 401 where the stream has not begun by then.
            #expect([200, 401].contains(reply.status) && reply.text.contains("session_ended"), "\(reply.text)")
            #expect(!reply.text.contains("event: done"))
        }
    }
}
