import Providers
import Testing

@Suite struct AddressPolicyTests {
    @Test(
        arguments: [
            ([8, 8, 8, 8], AddressRange.global), ([127, 0, 0, 1], .private), ([10, 1, 2, 3], .private), ([172, 31, 0, 1], .private),
            ([172, 32, 0, 1], .global), ([192, 168, 1, 1], .private), ([100, 64, 0, 1], .private), ([169, 254, 169, 254], .forbidden),
            ([0, 0, 0, 0], .forbidden), ([224, 0, 0, 1], .forbidden), ([255, 255, 255, 255], .forbidden), ([1, 2, 3], .forbidden),
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
    }

    @Test(arguments: [
        "http://127.0.0.1:8080/v1", "http://169.254.169.254/latest", "http://2130706433/", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
        "http://localhost/",
    ])
    func keepsUserURLsOutOfTheNetwork(url: String) async {
        await #expect { try await AddressPolicy.publicOnly.check(url, provider: "custom") } throws: {
            ($0 as? ProviderError)?.kind == .permission
        }
    }

    @Test(arguments: ["ftp://example.com", "example.com", "", "http://user:pw@example.com/", "file:///etc/passwd", "http://"])
    func refusesWhatIsNoBaseURL(url: String) async {
        await #expect { try await AddressPolicy.unrestricted.check(url, provider: "custom") } throws: {
            ($0 as? ProviderError)?.kind == .invalidRequest
        }
    }

    @Test func oneForbiddenAddressAmongSeveralIsEnough() async {
        let policy = AddressPolicy.publicOnly { _ in [[8, 8, 8, 8], [10, 0, 0, 1]] }
        await #expect(throws: ProviderError.self) { try await policy.check("https://two-faced.example", provider: "custom") }
    }

    @Test func operatorsMayAllowPrivateRangesButNotMetadata() async throws {
        try await AddressPolicy.publicAndPrivate.check("http://127.0.0.1:11434", provider: "ollama")
        await #expect(throws: ProviderError.self) { try await AddressPolicy.publicAndPrivate.check("http://169.254.169.254/", provider: "ollama") }
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
