import Foundation
import Server
import Testing

@Suite struct SettingsTests {
    private func settings(_ flags: [String: String]) async throws -> Settings {
        try await Settings.load(flags: flags, environmentFile: "/nonexistent")
    }

    @Test func whatIsOpenByDefaultIsSoForThisMachineAlone() async throws {
        for host in ["127.0.0.1", "localhost", "::1", "127.0.0.9"] {
            let settings = try await settings(["atelier.host": host])
            #expect(settings.servesThisMachineOnly && settings.reachesPrivateUpstreams && settings.registration == nil, "\(host)")
            let proxied = try await self.settings(["atelier.host": host, "atelier.trusted.proxies": "127.0.0.1, 10.0.0.0/8"])
            #expect(!proxied.servesThisMachineOnly && !proxied.reachesPrivateUpstreams && proxied.listensOnLoopback, "\(host)")
        }
        for host in ["0.0.0.0", "::", "192.168.0.7", "atelier.example.org"] {
            let settings = try await settings(["atelier.host": host])
            #expect(!settings.servesThisMachineOnly && !settings.reachesPrivateUpstreams, "\(host)")
        }
        let named = try await settings(["atelier.trusted.proxies": "127.0.0.1", "atelier.allow.private.upstreams": "true"])
        #expect(named.reachesPrivateUpstreams)
    }

    @Test(
        arguments: [
            ("atelier.trusted.proxies", "10.0.0.1/8"), ("atelier.trusted.proxies", "proxy.example.org"), ("atelier.allowed.hosts", "https://a.b"),
            ("atelier.allowed.hosts", "a.b:80"), ("atelier.metrics.token", "short"), ("atelier.idle.timeout", "0"),
            ("atelier.max.connections", "-1"), ("atelier.registration", "maybe"),
        ])
    func whatCannotBeUsedIsNamed(key: String, value: String) async throws {
        await #expect { try await settings([key: value]) } throws: { ($0 as? SettingsError)?.key == key }
    }
}
