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

    /// Gives a person one of everything.
    /// - Returns: by the names of the parameters that routes have.
    func furnish(_ person: Person) async throws -> [String: String] {
        let rows = app.store.user(person.id)
        let minion = try #require(try await send(.post, "\(person.base)/minions", TestServer.minion, token: person.token).json["id"] as? String)
        let dataset = try #require(
            try await send(
                .post, "\(person.base)/training-datasets?dataset_name=v&dataset_type=jsonl", TestServer.chat, token: person.token
            ).json["id"] as? String)
        let job = try await rows.createJob(.init(jobName: "j", minionID: minion, trainingType: .loraOnly, datasetIDs: [dataset]))
        _ = try await rows.startJob(job.id)
        let claimed = try #require(try await app.store.queue.claim(worker: "w", lease: .seconds(60)))
        _ = try await app.store.queue.complete(
            claimed, worker: "w",
            release: .init(
                adapter: .init(id: "ada_x", baseModel: "b", path: "users/x/adapters/ada_x", sha256: "s", rank: 1, bytes: 1),
                collection: .init(id: "col_x", name: "c", embedder: "e", dimension: 1, version: 1, documentCount: 1, chunkCount: 1, bytes: 1),
                evaluation: .init()))
        try await rows.saveAnswer(id: "ans_x", minionID: minion, releaseID: nil, question: "q", answer: "a", trace: "{}", at: Date())
        _ = try await send(
            .post, "\(person.base)/providers", #"{"provider":"openai","api_key":"sk-abcdefgh1234","test":false}"#, token: person.token)
        let definition = try #require(
            try await send(
                .post, "\(person.base)/provider-definitions", #"{"id":"acme","name":"Acme","base_url":"https://93.184.216.34/v1"}"#,
                token: person.token
            ).json["id"] as? String)

        let release = try #require(try await rows.releases(minionID: minion).items.first).id
        let hook = try #require(
            try await send(.post, "\(person.base)/webhooks", #"{"url":"https://93.184.216.34/hook"}"#, token: person.token).json["id"] as? String
        )
        let delivery = try await rows.pingWebhook(hook).id
        let key = try await rows.providerKey("openai").id
        return [
            "user_id": person.id, "minion_id": minion, "dataset_id": dataset, "job_id": job.id, "collection_id": "col_x", "adapter_id": "ada_x",
            "answer_id": "ans_x",
            "provider": key, "key_id": key, "definition_id": definition,
            "release_id": release, "webhook_id": hook, "delivery_id": delivery,
        ]
    }

    static let minion = #"{"name":"Wick","provider":"local","model_id":"smollm2-135m-instruct"}"#
    static let chat = #"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#
}

/// A port of this machine that takes connections, as the system does by itself, and never says a word.
final class SilentListener: Sendable {
    let port: Int
    private let descriptor: Int32

    struct Failed: Error {}

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && listen(descriptor, 16) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        guard isListening else { throw Failed() }
        self.descriptor = descriptor
        port = Int(in_port_t(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }

    /// A port where nobody listens any more.
    static func abandonedPort() throws -> Int { try SilentListener().port }
}
