import Foundation
import Server
import Testing

@Suite struct AuthTests {
    @Test func registeringLoggingInAndOut() async throws {
        try await TestServer.run { server in
            let body = #"{"email":"ann@example.org","password":"correct horse"}"#
            let registered = try await server.send(.post, "/api/auth/register", body)
            #expect(registered.status == 201)
            let token = try #require(registered.json["token"] as? String)
            #expect(try await server.send(.get, "/api/me", token: token).json["email"] as? String == "ann@example.org")
            #expect(try await server.send(.post, "/api/auth/register", body).status == 409)
            #expect(try await server.send(.post, "/api/auth/logout", token: token).status == 204)
            #expect(try await server.send(.get, "/api/me", token: token).status == 401)
            #expect(try await server.send(.post, "/api/auth/login", body).status == 200)
        }
    }

    @Test func guessingIsSlowedAndSaysHowLong() async throws {
        try await TestServer.run { server in
            _ = try await server.person("ann")
            let wrong = #"{"email":"ann@example.org","password":"wrong"}"#
            for _ in 0..<5 { #expect(try await server.send(.post, "/api/auth/login", wrong).status == 401) }
            let slowed = try await server.send(.post, "/api/auth/login", #"{"email":"ann@example.org","password":"long enough"}"#)
            #expect(slowed.status == 429 && Int(slowed.headers[.retryAfter] ?? "") ?? 0 > 0)
            // An unknown address is treated the same: the reply does not tell who has an account.
            let unknown = #"{"email":"nobody@example.org","password":"wrong"}"#
            for _ in 0..<5 { #expect(try await server.send(.post, "/api/auth/login", unknown).status == 401) }
            #expect(try await server.send(.post, "/api/auth/login", unknown).status == 429)
        }
    }

    @Test func triesAtOnceAreCountedTogether() async throws {
        try await TestServer.run { server in
            _ = try await server.person("ann")
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 {
                    group.addTask { try await server.send(.post, "/api/auth/login", #"{"email":"ann@example.org","password":"wrong"}"#).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 401 } == 5 && statuses.count { $0 == 429 } == 15)
        }
    }

    @Test func aSuccessTakesItsOwnTryBack() async throws {
        try await TestServer.run { server in
            _ = try await server.person("ann")
            for _ in 0..<12 {
                #expect(try await server.send(.post, "/api/auth/login", #"{"email":"ann@example.org","password":"long enough"}"#).status == 200)
            }
        }
    }

    @Test func aPasswordKeepsItsBlanks() async throws {
        try await TestServer.run { server in
            let blank = #"{"email":"a@b.c","password":" spaced out "}"#
            let bare = #"{"email":"a@b.c","password":"spaced out"}"#
            let statuses = [
                try await server.send(.post, "/api/auth/register", blank).status, try await server.send(.post, "/api/auth/login", bare).status,
                try await server.send(.post, "/api/auth/login", blank).status,
            ]
            #expect(statuses == [201, 401, 200])
        }
    }

    @Test func registrationCanBeClosed() async throws {
        try await TestServer.run({ $0.registration = "closed" }) { server in
            let reply = try await server.send(.post, "/api/auth/register", #"{"email":"a@b","password":"long enough"}"#)
            #expect(reply.status == 403 && reply.code == "registration_closed")
        }
    }

    @Test func aPortInUseIsSaidWithWhatToDo() async throws {
        try await TestServer.run({ $0.port = 0 }) { first in
            let (ports, port) = AsyncStream<Int>.makeStream()
            let running = Task { try await first.app.run { port.yield($0) } }
            let taken = try #require(await ports.first { _ in true })
            try await TestServer.run({ $0.port = taken }) { second in
                await #expect { try await second.app.run { _ in } } throws: { "\($0)".contains("is in use") && "\($0)".contains("--port") }
            }
            running.cancel()
            _ = await running.result
        }
    }

    @Test func twoServersCannotShareADataDirectory() async throws {
        try await TestServer.run { server in
            var settings = Settings()
            settings.dataDirectory = server.folder.path
            await #expect { try await App.build(settings, logger: .init(label: "x")) } throws: { "\($0)".contains("another server") }
        }
    }
}
