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

    @Test func registrationCanBeClosed() async throws {
        try await TestServer.run({ $0.registration = "closed" }) { server in
            let reply = try await server.send(.post, "/api/auth/register", #"{"email":"a@b","password":"long enough"}"#)
            #expect(reply.status == 403 && reply.code == "registration_closed")
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
