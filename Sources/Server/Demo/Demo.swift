import Foundation
import Providers
import Store

/// Trains the sample minion, asks it, and shows every stage: through the HTTP API of the server it
/// starts, so that what it shows is what any client gets.
public struct Demo: Sendable {
    static let email = "demo@atelier.local"
    static let minionName = "Wick"

    let app: App
    let samples: URL
    let retrain: Bool
    let terminal = Terminal()

    public init(app: App, samples: URL, retrain: Bool) {
        self.app = app
        self.samples = samples
        self.retrain = retrain
    }

    /// - Returns: whether everything held: trained, asked, voice and knowledge alive.
    public func run(thenServe: Bool) async throws -> Bool {
        if let missing = app.engine.missing() {
            terminal.line("\(missing)")
            return false
        }
        let (ports, port) = AsyncStream<Int>.makeStream()
        let group = try await app.serviceGroup(handlingSignals: true) { port.yield($0) }
        let server = Task {
            // What ends the server before it listens must not leave the demo waiting.
            defer { port.finish() }
            try await app.serve(group)
        }
        guard let port = await ports.first(where: { _ in true }) else {
            try await server.value
            return false
        }
        let url = "http://\(app.settings.host):\(port)"
        do {
            let account = try await account()
            let api = try await signIn(url, account)
            let demo = DemoSession(api: api.client, user: api.user, samples: samples, terminal: terminal)
            let minion = try await demo.minion(named: Self.minionName)
            try await demo.train(minion, again: retrain)
            let token = try await api.client.post("/api/users/\(api.user)/minions/\(minion)/token")["token"]?.stringValue ?? ""
            let held = try await demo.ask(minion)
            terminal.heading(held ? "Everything held." : "NOT everything held: see above.")
            goodbye(url, account, token, link: "\(url)/#/welcome/\(app.links.make(user: api.user))/playground/\(minion)")
            if thenServe {
                terminal.line("serving until Ctrl-C …")
                try await server.value
            } else {
                await group.triggerGracefulShutdown()
                try await server.value
            }
            return held
        } catch {
            terminal.line("the demo failed: \(error)")
            await group.triggerGracefulShutdown()
            _ = await server.result
            return false
        }
    }

    private struct Account {
        var email: String
        var password: String
        var isNew: Bool
    }

    /// The demo's superuser: made with a random password the first time; later runs set a new one,
    /// because the old one is kept nowhere.
    private func account() async throws -> Account {
        let accounts = app.accounts
        let password = Token.password()
        if try await accounts.user(email: Self.email) == nil {
            _ = try await AuditActor.$current.withValue(.command) {
                try await accounts.create(email: Self.email, name: "Demo", password: password, role: .superuser)
            }
            return Account(email: Self.email, password: password, isNew: true)
        }
        try await AuditActor.$current.withValue(.command) { try await accounts.setPassword(password, email: Self.email) }
        return Account(email: Self.email, password: password, isNew: false)
    }

    private func signIn(_ url: String, _ account: Account) async throws -> (client: APIClient, user: String) {
        var client = APIClient(url: url, token: nil)
        let reply = try await client.post("/api/auth/login", ["email": .string(account.email), "password": .string(account.password)])
        client.token = reply["token"]?.stringValue
        return (client, reply["user"]?["id"]?.stringValue ?? "")
    }

    private func goodbye(_ url: String, _ account: Account, _ token: String, link: String) {
        terminal.line(
            """

            page       \(url)
            open it    \(link)
                       (signs you in, once and within an hour; \(Self.minionName) is ready to be asked)
            routes     \(url)/openapi.json
            log-in     \(account.email)   password \(account.password)\(account.isNew ? "" : "   (new: a demo run sets a new one)")
            ask it     atelier ask --url \(url) --token \(token) "When is the workshop open on Saturdays?"
            OpenAI     base_url=\(url)/v1  api_key=\(token)  model=\(Self.minionName)
            """)
    }
}
