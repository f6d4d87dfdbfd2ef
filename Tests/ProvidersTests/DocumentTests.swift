import Domain
import Foundation
import Providers
import Testing

/// Follows `docs/adding-a-provider.md`. Its vendor runs through ``ContractTests`` too.
@Suite struct DocumentTests {
    private func source(_ path: String) throws -> String { try String(contentsOf: Document.root.appending(path: path), encoding: .utf8) }

    @Test func theVendorIsAskedAsItsEntrySays() async throws {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.openAI.whole)])
        defer { upstream.stop() }
        let registry = ProviderRegistry.standard().adding([Document.vendor], transport: HTTPTransport())
        let request = ChatRequest(
            model: "acme-large", messages: [ChatMessage(.user, "Hi")], sampling: Sampling(temperature: 0.5, seed: 7),
            extra: ["top_k": 3, "user": "u-1"])
        let events = try await registry["acme"]!.reply(request, at: Endpoint(baseURL: upstream.url, key: Secret("key-0123456789")))
        #expect(events.contains(.text("Hello, wörld")) && events.last == .finish(.stop))
        let sent = try #require(upstream.requests.first)
        #expect(sent.headers["x-acme-key"] == "key-0123456789" && sent.headers["authorization"] == nil)
        let body = try JSONValue(parsing: sent.body)
        #expect(body["random_seed"] == 7 && body["seed"] == nil && body["top_k"] == 3 && body["user"] == nil)
        #expect(registry["acme"]?.dropped(request) == ["user"])
        let usage = TokenUsage(input: 1_000_000, output: 0, cachedInput: 500_000)
        #expect(Document.vendor.price(model: "acme-large").map { $0.cost(usage) } == 1.25)
        #expect(Document.vendor.price(model: "acme-small") == nil)
    }

    @Test func everyFieldIsExplained() throws {
        let known = try #require(Document.vendor.json.objectValue).keys
        for field in known { #expect(Document.text.contains("| `\(field)` |"), "\(field)") }
        // And none that is not: each of the table's fields is taken.
        let table = try #require(Document.text.range(of: "| field | default | meaning |"))
        for line in Document.text[table.upperBound...].split(separator: "\n").dropFirst().prefix(while: { $0.hasPrefix("|") }) {
            let field = try #require(line.split(separator: "`").dropFirst().first.map(String.init))
            #expect(known.contains(field) || field == "max_tokens_field", "\(field)")
        }
    }

    @Test func theDialectCompilesAsWritten() throws {
        let written = Document.block(#"swift title="Sources/Providers/Vendors/Echo.swift""#)
        #expect(
            try source("Tests/ProvidersTests/Examples/Echo.swift")
                == written.replacing("import Domain\n", with: "import Domain\nimport Providers\n", maxReplacements: 1))
        let line = try #require(Document.block("diff").split(separator: "\n").first { $0.hasPrefix("-") }?.dropFirst())
        #expect(try source("Sources/Providers/Vendors/Dialect.swift").contains(line), "the line to change is there")
    }

    @Test func theDialectAnswers() async throws {
        let dialects = Dialect.all + [.echo]
        let vendor = try VendorDefinition(parsing: Document.block(#"json title="an entry""#), dialects: dialects)
        let registry = ProviderRegistry([ProviderRegistry.provider(for: vendor, transport: HTTPTransport(), dialects: dialects)])
        let request = ChatRequest(model: "echo", messages: [ChatMessage(.user, "Hello, wörld")])
        let route = Route(provider: "echo", model: "echo", endpoint: Endpoint(baseURL: "http://127.0.0.1"))
        let reply = try await Router(registry: registry).complete(request, routes: [route])
        #expect(reply.text == "Hello, wörld")
        #expect(reply.finish == .stop && reply.usage.isEstimate)
        #expect(reply.attempts.map(\.outcome) == [Attempt.ok])
        #expect(try await registry["echo"]!.reply(request, at: route.endpoint).last == .finish(.stop))
    }
}
