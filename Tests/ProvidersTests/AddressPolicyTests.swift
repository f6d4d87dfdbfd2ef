import AsyncHTTPClient
import Domain
import Providers
import Testing

@Suite struct AddressPolicyTests {
    @Test(
        arguments: [
            ([8, 8, 8, 8], AddressRange.global), ([127, 0, 0, 1], .private), ([10, 1, 2, 3], .private), ([172, 31, 0, 1], .private),
            ([172, 32, 0, 1], .global), ([192, 168, 1, 1], .private), ([100, 64, 0, 1], .private), ([169, 254, 169, 254], .forbidden),
            ([0, 0, 0, 0], .forbidden), ([0, 1, 2, 3], .forbidden), ([100, 100, 100, 200], .forbidden), ([100, 127, 255, 255], .private),
            ([100, 128, 0, 1], .global), ([168, 63, 129, 16], .forbidden), ([192, 88, 99, 1], .forbidden), ([224, 0, 0, 1], .forbidden),
            ([255, 255, 255, 255], .forbidden), ([1, 2, 3], .forbidden),
        ] as [([UInt8], AddressRange)])
    func judgesIPv4(address: [UInt8], range: AddressRange) { #expect(AddressRange(address) == range) }

    @Test func judgesIPv6() {
        func v6(_ head: [UInt8], _ tail: [UInt8]) -> AddressRange {
            AddressRange(head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail)
        }
        #expect(v6([], [1]) == .private)
        #expect(v6([], []) == .forbidden)
        #expect(v6([0xFE, 0x80], [1]) == .forbidden)
        #expect(v6([0xFD, 0x12], [1]) == .private)
        #expect(v6([0xFD, 0x00, 0x0E, 0xC2], [2, 0x54]) == .forbidden)
        #expect(v6([0x26, 0x06], [1]) == .global)
        #expect(v6([], [0xFF, 0xFF, 169, 254, 169, 254]) == .forbidden)
        #expect(v6([], [0xFF, 0xFF, 10, 0, 0, 1]) == .private)
        #expect(v6([0x00, 0x64, 0xFF, 0x9B], [127, 0, 0, 1]) == .private)
        #expect(v6([0x00, 0x64, 0xFF, 0x9B, 0, 1], [8, 8, 8, 8]) == .forbidden)
        #expect(v6([0x20, 0x02, 169, 254, 169, 254], []) == .forbidden)
        #expect(v6([0x20, 0x02, 8, 8, 8, 8], []) == .global)
        #expect(v6([0x20, 0x01, 0, 0], [1]) == .forbidden)
        #expect(v6([0x20, 0x01, 0x0D, 0xB8], [1]) == .forbidden)
        #expect(v6([], [8, 8, 8, 8]) == .forbidden)
    }

    @Test(arguments: [
        "http://127.0.0.1:8080/v1", "http://169.254.169.254/latest", "http://2130706433/", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
        "http://localhost/", "http://0x7f.1/", "http://017700000001/", "http://127.1/", "https://0xA9FEA9FE/", "http://0/", "http://0.0.0.0:80/",
        "http://100.64.0.1/", "http://[::]/", "http://[64:ff9b::a00:1]/", "http://[2002:7f00:1::]/", "http://[fd00:ec2::254]/",
        "http://[fe80::1]/", "https://192.168.0.1/v1", "HTTP://LOCALHOST:8080/",
    ])
    func keepsUserURLsOutOfTheNetwork(url: String) async {
        await #expect { try await AddressPolicy.publicOnly.check(url, provider: "custom") } throws: {
            // Of a name it is not told whether it exists.
            ($0 as? ProviderError)?.kind == (url.lowercased().contains("localhost") ? .connection : .permission)
        }
    }

    @Test(arguments: ["ftp://example.com", "example.com", "", "http://user:pw@example.com/", "file:///etc/passwd", "http://"])
    func refusesWhatIsNoBaseURL(url: String) async {
        await #expect { try await AddressPolicy.unrestricted.check(url, provider: "custom") } throws: {
            ($0 as? ProviderError)?.kind == .invalidRequest
        }
    }

    @Test func whatANameStandsForInsideIsNotTold() async throws {
        var said: [ProviderError] = []
        let answers: [[[UInt8]]] = [[], [[10, 0, 0, 1]], [[127, 0, 0, 1]], [[169, 254, 169, 254]], [[8, 8, 8, 8], [192, 168, 1, 1]]]
        for answer in answers {
            let policy = AddressPolicy.publicOnly { _ in answer }
            for url in ["http://inside.example", "https://inside.example/v1"] {
                do { try await policy.check(url, provider: "custom") } catch let error as ProviderError { said.append(error) }
            }
        }
        let failing = AddressPolicy.publicOnly { _ in throw NameLookups.Unresolved() }
        do { try await failing.check("http://inside.example", provider: "custom") } catch let error as ProviderError { said.append(error) }
        #expect(said.count == 11 && said.allSatisfy { $0 == said[0] }, "whether it exists, and what it stands for, makes no difference")
        #expect(said[0].message.contains("inside.example") && !said[0].message.contains("10.0.0.1"))
    }

    @Test func oneForbiddenAddressAmongSeveralIsEnough() async {
        let policy = AddressPolicy.publicOnly { _ in [[8, 8, 8, 8], [10, 0, 0, 1]] }
        await #expect(throws: ProviderError.self) { try await policy.check("https://two-faced.example", provider: "custom") }
    }

    @Test func operatorsMayAllowPrivateRangesButNotMetadata() async throws {
        try await AddressPolicy.publicAndPrivate.check("http://127.0.0.1:11434", provider: "ollama")
        await #expect(throws: ProviderError.self) { try await AddressPolicy.publicAndPrivate.check("http://169.254.169.254/", provider: "ollama") }
    }

    private func blocks(_ texts: String...) -> [AddressBlock] { texts.compactMap { AddressBlock($0) } }

    @Test(arguments: ["10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "::/0", "fd00::/8", "2001:db8::1/128"])
    func readsBlocks(text: String) { #expect(AddressBlock(text) != nil) }

    @Test(arguments: [
        "", "10.1.0.0/33", "10.1.2.3/16", "10.1.0.0/", "10.1/16", "0x0a.0.0.0/8", "fd00::/129", "localhost", "10.1.0.0/-1", "10.1.0.0/16/8",
    ])
    func refusesWhatIsNoBlock(text: String) { #expect(AddressBlock(text) == nil) }

    @Test(arguments: [
        ("http://10.1.2.3/", true), ("http://10.2.0.1/", false), ("http://[::ffff:10.1.0.1]/", true), ("http://[64:ff9b::a01:1]/", true),
        ("http://[fd12::1]/", true), ("http://127.0.0.1/", false), ("http://[fd00:ec2::254]/", false), ("http://169.254.169.254/", false),
    ])
    func operatorsMayAllowBlocks(url: String, isAllowed: Bool) async {
        let policy = AddressPolicy.publicOnly.allowing(blocks("10.1.0.0/16", "fd00::/8"))
        await allows(policy, url, isAllowed)
    }

    @Test(arguments: [
        ("0.0.0.0/0", "http://169.254.169.254/", false), ("169.0.0.0/8", "http://169.254.169.254/", false),
        ("169.254.169.254", "http://169.254.169.254/", true), ("169.254.0.0/16", "http://169.254.169.254/", true),
        ("169.254.169.254", "http://169.254.0.1/", false), ("100.64.0.0/10", "http://100.100.100.200/", false),
        ("100.64.0.0/10", "http://100.100.100.201/", true), ("100.100.100.200", "http://100.100.100.200/", true),
        ("::/0", "http://[fe80::1]/", false), ("fe80::/64", "http://[fe80::1]/", true), ("0.0.0.0/0", "http://10.0.0.1/", true),
        ("169.254.0.0/16", "http://[::ffff:169.254.169.254]/", true),
    ])
    func metadataMustBeNamed(block: String, url: String, isAllowed: Bool) async {
        await allows(AddressPolicy.publicOnly.allowing(blocks(block)), url, isAllowed)
    }

    private func allows(_ policy: AddressPolicy, _ url: String, _ isAllowed: Bool) async {
        do {
            try await policy.check(url, provider: "custom")
            #expect(isAllowed)
        } catch { #expect(!isAllowed && (error as? ProviderError)?.kind == .permission) }
    }

    @Test("Trap 12: a name that is public when saved and private when asked reaches nothing")
    func dnsRebindingReachesNothing() async throws {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.openAI.models)])
        defer { upstream.stop() }
        let answers = Box<Int>()
        let policy = AddressPolicy.publicOnly { _ in
            answers.add(1)
            return answers.values.count == 1 ? [[8, 8, 8, 8]] : [[127, 0, 0, 1]]
        }
        let url = "http://rebinding.example:\(upstream.url.split(separator: ":").last!)"
        try await policy.check(url, provider: "custom")
        let custom = try #require(ProviderRegistry.standard(transport: HTTPTransport(policy: policy))["custom"])
        for _ in 0..<2 {
            await #expect { _ = try await custom.models(at: Endpoint(baseURL: url)) } throws: { ($0 as? ProviderError)?.kind == .connection }
        }
        #expect(upstream.connections == 0 && answers.values.count == 3, "a name is resolved every time")
    }

    @Test("Trap 12: on a connection that led to a forbidden address nothing is sent")
    func nothingIsSentToAForbiddenAddress() async throws {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.openAI.models)])
        defer { upstream.stop() }
        // As if the name had been checked before it moved: only the connection itself can tell.
        let configuration = HTTPClients.configuration(idle: .seconds(1), guardedBy: .publicOnly)
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let custom = try #require(ProviderRegistry.standard(transport: HTTPTransport(client: client))["custom"])
        for _ in 0..<3 {
            await #expect { _ = try await custom.models(at: Endpoint(baseURL: upstream.url)) } throws: {
                ($0 as? ProviderError)?.kind == .connection && ($0 as? ProviderError)?.message.contains("closed to them") == true
            }
        }
        try await client.shutdown()
        #expect(try await upstream.wait { $0.connections == 3 } && upstream.requests.isEmpty)
    }

    @Test("Trap 12: the request goes to the address that was checked, though the name has moved since")
    func theCheckedAddressIsTheOneThatIsAsked() async throws {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.openAI.models)])
        defer { upstream.stop() }
        let port = upstream.url.split(separator: ":").last!
        // No such name exists: only the address that this resolver gave can have been connected to.
        let policy = AddressPolicy.publicOnly { _ in [[127, 0, 0, 1]] }.allowing(blocks("127.0.0.0/8"))
        let custom = try #require(ProviderRegistry.standard(transport: HTTPTransport(policy: policy))["custom"])
        #expect(try await custom.models(at: Endpoint(baseURL: "http://moved.invalid:\(port)/v1")).count == 2)
        #expect(upstream.requests.first?.headers["host"] == "moved.invalid:\(port)" && upstream.requests.first?.path == "/v1/models")
    }

    @Test func aForbiddenRequestIsNeverSent() async throws {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.openAI.models)])
        defer { upstream.stop() }
        let registry = ProviderRegistry.standard(transport: HTTPTransport(policy: .publicOnly))
        let custom = try #require(registry["custom"])
        await #expect(throws: ProviderError.self) { try await custom.models(at: Endpoint(baseURL: upstream.url)) }
        #expect(upstream.connections == 0)
        // The server's own model process is not a user's address.
        let local = try #require(registry["local"])
        #expect(try await local.models(at: Endpoint(baseURL: upstream.url)).count == 2)
    }

    @Test func aCheckedNameIsSentToTheAddressThatWasChecked() async throws {
        let upstream = FakeUpstream([.head(), .send(DialectFixture.openAI.models)])
        defer { upstream.stop() }
        let port = upstream.url.split(separator: ":").last!
        let registry = ProviderRegistry.standard(transport: HTTPTransport(policy: .publicAndPrivate))
        _ = try await registry["custom"]!.models(at: Endpoint(baseURL: "http://localhost:\(port)"))
        #expect(upstream.requests.first?.headers["host"] == "localhost:\(port)")
    }
}
