import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Providers
import Server
import Store
import TestDatabases
import Testing

/// A whole server on a data directory of its own, spoken to without a socket.
struct TestServer {
    let app: App
    let client: any TestClientProtocol
    let folder: URL

    struct Reply {
        var status: Int
        var json: [String: Any]
        var headers: HTTPFields
        var text: String
        var code: String? { (json["error"] as? [String: Any])?["code"] as? String }
        var details: [[String: Any]] { (json["error"] as? [String: Any])?["details"] as? [[String: Any]] ?? [] }
    }

    /// - Parameter change: adjusts the settings before the server is built.
    static func run(_ change: (inout Settings) -> Void = { _ in }, _ body: @Sendable @escaping (TestServer) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-server-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        var settings = Settings()
        settings.dataDirectory = folder.path
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        settings.databaseURL = Secret(try await TestDatabase(in: folder).url)
        settings.databaseConnections = 4
        settings.scryptCost = 10
        // Without a socket nobody is known to be on this machine.
        settings.registration = "open"
        change(&settings)
        let app = try await App.build(settings, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await Application(router: app.router(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }).test(.router) { client in
            try await body(TestServer(app: app, client: client, folder: folder))
        }
    }

    func send(_ method: HTTPRequest.Method, _ path: String, _ json: String? = nil, token: String? = nil, headers: HTTPFields = [:]) async throws
        -> Reply
    {
        var headers = headers
        if let token { headers[.authorization] = "Bearer \(token)" }
        let response = try await client.execute(uri: path, method: method, headers: headers, body: json.map { ByteBuffer(string: $0) })
        let text = String(buffer: response.body)
        let object = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any] ?? [:]
        return Reply(status: response.status.code, json: object, headers: response.headers, text: text)
    }

    struct Person {
        var id: String
        var token: String
        var base: String { "/api/users/\(id)" }
    }

    /// A signed-in user, made without the HTTP route so that throttling plays no part.
    func person(_ name: String, role: User.Role = .user) async throws -> Person {
        let accounts = app.store.accounts(hasher: PasswordHasher(costExponent: 4))
        let user = try await accounts.create(email: "\(name)@example.org", name: name, password: "long enough", role: role)
        return Person(id: user.id, token: try await session(of: user.id))
    }

    /// The token of another session of a user.
    func session(of user: String) async throws -> String {
        try await app.store.accounts(hasher: PasswordHasher(costExponent: 4)).openSession(user: user, lifetime: .seconds(600), ip: nil, agent: nil)
            .token
    }

    static let minion = #"{"name":"Wick","provider":"local","model_id":"smollm2-135m-instruct"}"#
    static let chat = #"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#
}
