import Foundation
import HTTPTypes
import Server
import Store
import Testing
import Training

@Suite struct RecoveryTests {
    private static let key = HTTPField.Name("Idempotency-Key")!

    /// As a killed server leaves it: the key is taken, and its process is gone.
    private func leave(_ owner: String, in server: TestServer, by person: TestServer.Person) async throws {
        // What the key is bound to is asked of the server itself, with another key.
        _ = try await server.send(.post, "\(person.base)/minions", TestServer.minion, token: person.token, headers: [Self.key: "known"])
        let rows = server.app.store.user(person.id)
        let hash = try #require(
            try await rows.beginIdempotent(key: "known", requestHash: "", lease: .init(owner: "x"), now: Date())
        ).requestHash
        _ = try await rows.beginIdempotent(key: "k", requestHash: hash, lease: .init(owner: owner), now: Date())
    }

    @Test func aKilledServersKeySaysThatNobodyKnows() async throws {
        try await TestServer.run { server in
            let person = try await server.person("ann")
            try await leave("\(WorkerIdentity.current.host):999999999:dead", in: server, by: person)
            for _ in 0..<2 {
                let reply = try await server.send(
                    .post, "\(person.base)/minions", TestServer.minion, token: person.token, headers: [Self.key: "k"])
                #expect(reply.status == 409 && reply.code == "outcome_unknown")
                #expect((reply.details.first?["hint"] as? String)?.contains("new Idempotency-Key") == true)
            }
            let other = try await server.send(
                .post, "\(person.base)/minions", TestServer.minion.replacingOccurrences(of: "Wick", with: "Other"), token: person.token,
                headers: [Self.key: "k"])
            #expect(other.status == 422 && other.code == "idempotency_key_reused")
        }
    }

    @Test func aLivingProcesssKeyIsInProgress() async throws {
        try await TestServer.run { server in
            let person = try await server.person("ann")
            try await leave(WorkerIdentity.current.name, in: server, by: person)
            let reply = try await server.send(.post, "\(person.base)/minions", TestServer.minion, token: person.token, headers: [Self.key: "k"])
            #expect(reply.status == 409 && reply.code == "in_progress" && reply.headers[.retryAfter] == "1")
        }
    }

    /// Of another machine's process only the lease tells.
    @Test func anotherMachinesKeyIsInProgressUntilItsLeaseIsOver() async throws {
        try await TestServer.run { server in
            let person = try await server.person("ann")
            try await leave("elsewhere:1:x", in: server, by: person)
            func again() async throws -> String? {
                try await server.send(.post, "\(person.base)/minions", TestServer.minion, token: person.token, headers: [Self.key: "k"]).code
            }
            #expect(try await again() == "in_progress")
            try await server.app.store.user(person.id).renewIdempotent(
                key: "k", lease: .init(owner: "elsewhere:1:x"), now: Date().addingTimeInterval(-61))
            #expect(try await again() == "outcome_unknown")
        }
    }

    @Test func aDataDirectoryIsUsedWithItsOwnDatabaseOnly() async throws {
        try await TestServer.run { server in
            let file = server.folder.appending(path: "installation.id")
            let id = try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try await server.app.store.installation() == id)
            try Data("ins_other\n".utf8).write(to: file)
            await #expect { _ = try await App.openStore(server.app.settings, logger: .init(label: "x")) } throws: {
                "\($0)".contains("ins_other") && "\($0)".contains(id)
            }
            // Restored without it, the directory takes the database's.
            try FileManager.default.removeItem(at: file)
            try await App.openStore(server.app.settings, logger: .init(label: "x")).close()
            #expect(try String(contentsOf: file, encoding: .utf8).contains(id))
        }
    }

    @Test func readinessTellsOfTheDisk() async throws {
        try await TestServer.run { server in
            let superuser = try await server.person("root", role: .superuser)
            var ready = try await server.send(.get, "/ready", token: superuser.token)
            // A database that a busy machine keeps from answering within the second is not ready yet.
            while ready.json["database"] as? String != "ok" { ready = try await server.send(.get, "/ready", token: superuser.token) }
            #expect(ready.json["disk"] as? String == "ok" && ready.json["database"] as? String == "ok")
            #expect(try await server.send(.get, "/ready").json["disk"] == nil, "a stranger learns whether, not why")
        }
    }
}
