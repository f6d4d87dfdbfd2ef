import HTTPTypes
import Server
import Testing

import struct Providers.AddressBlock

@Suite struct ClientAddressTests {
    private let addresses = ClientAddresses(trustedProxies: ["10.0.0.0/8", "127.0.0.1", "fd00::/8"].compactMap { AddressBlock($0) })
    private let alone = ClientAddresses(trustedProxies: [])

    private func forwarded(_ values: String...) -> HTTPFields {
        var fields = HTTPFields()
        for value in values { fields.append(.init(name: .init("X-Forwarded-For")!, value: value)) }
        return fields
    }

    @Test(
        arguments: [
            // What stands left of the first address that no trusted proxy has, its owner wrote.
            (["203.0.113.9"], "203.0.113.9"), (["1.1.1.1, 203.0.113.9"], "203.0.113.9"), (["1.1.1.1", "203.0.113.9, 10.2.0.1"], "203.0.113.9"),
            (["203.0.113.9, 10.2.0.1, fd00::2"], "203.0.113.9"), (["127.0.0.1, 203.0.113.9"], "203.0.113.9"),
            // All of them are proxies: the first of them asked.
            (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            // With a port, in brackets, as IPv6.
            (["203.0.113.9:4711"], "203.0.113.9"), (["[2001:db8::7]:443"], "2001:db8::7"), (["2001:db8::7"], "2001:db8::7"),
            (["::ffff:203.0.113.9"], "203.0.113.9"),
            // Nothing that can be read: the proxy itself.
            (["unknown"], "10.0.0.1"), (["203.0.113.9, unknown"], "10.0.0.1"), ([""], "10.0.0.1"), ([], "10.0.0.1"),
        ] as [([String], String)])
    func theRightmostAddressThatIsNoProxysIsTheClients(values: [String], expected: String) {
        var headers = HTTPFields()
        for value in values { headers.append(.init(name: .init("X-Forwarded-For")!, value: value)) }
        let client = addresses.client(peer: NetworkAddress("10.0.0.1"), headers: headers)
        #expect(client.address?.description == expected && !client.isLocal)
    }

    @Test func aStrangersWordIsNotBelieved() {
        let client = addresses.client(peer: NetworkAddress("203.0.113.9"), headers: forwarded("127.0.0.1"))
        #expect(client.address?.description == "203.0.113.9" && !client.isLocal)
        #expect(alone.client(peer: NetworkAddress("10.0.0.1"), headers: forwarded("203.0.113.9")).address?.description == "10.0.0.1")
    }

    @Test func onlyWhatNoProxyPassedOnIsThisMachines() {
        #expect(alone.client(peer: NetworkAddress("127.0.0.1"), headers: [:]).isLocal)
        #expect(alone.client(peer: NetworkAddress("::1"), headers: [:]).isLocal)
        #expect(alone.client(peer: NetworkAddress("::ffff:127.0.0.1"), headers: [:]).isLocal)
        #expect(!alone.client(peer: NetworkAddress("192.168.0.2"), headers: [:]).isLocal)
        #expect(!alone.client(peer: nil, headers: [:]).isLocal)
        for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto", "X-Forwarded-Host"] {
            #expect(!alone.client(peer: NetworkAddress("127.0.0.1"), headers: [.init(header)!: "x"]).isLocal, "\(header)")
        }
        // A proxy on this machine that says nothing may still have passed it on.
        #expect(!addresses.client(peer: NetworkAddress("127.0.0.1"), headers: [:]).isLocal)
    }

    @Test func anIPv6ClientIsItsNetwork() throws {
        let one = try #require(NetworkAddress("2001:db8:1:2::1")), other = try #require(NetworkAddress("2001:db8:1:2:ffff::9"))
        #expect(one != other && one.network == other.network)
        #expect(try #require(NetworkAddress("2001:db8:1:3::1")).network != one.network)
        #expect(NetworkAddress("203.0.113.1")?.network != NetworkAddress("203.0.113.2")?.network)
        #expect(NetworkAddress("localhost") == nil && NetworkAddress("1.2.3") == nil && NetworkAddress("") == nil)
    }
}

@Suite struct HostPolicyTests {
    @Test(
        arguments: [
            ("127.0.0.1", true), ("127.0.0.1:8080", true), ("localhost:8080", true), ("LocalHost", true), ("[::1]:8080", true), ("[::1]", true),
            ("atelier.example.org", true), ("Atelier.Example.org:443", true), ("", true),
            ("evil.example", false), ("evil.example:8080", false), ("localhost.evil.example", false), ("127.0.0.1.evil.example", false),
            ("localhost:80@evil.example", false), ("localhost.", false), ("192.168.0.7", false), ("[fe80::1]", false), ("atelier", false),
            ("[::1", false), ("[::1]evil", false), ("127.0.0.1:8080:1", false), ("0x7f.1", false),
        ])
    func aServerOnLoopbackAnswersToItself(host: String, isAllowed: Bool) {
        let policy = HostPolicy(listening: "127.0.0.1", isLoopback: true, allowed: ["atelier.example.org"], machine: "atelier")
        #expect(policy.allows(host) == isAllowed)
    }

    @Test(
        arguments: [
            ("192.168.0.7:8080", true), ("[2001:db8::1]:8080", true), ("localhost", true), ("atelier", true), ("studio.lan", true),
            ("Studio.lan.local:8080", true), ("server.example.org", true),
            ("evil.example", false), ("sub.server.example.org", false), ("2130706433", false), ("a b", false),
        ])
    func aServerOnANetworkAnswersToAddressesAndNamesThatNoPageCanHave(host: String, isAllowed: Bool) {
        let policy = HostPolicy(listening: "server.example.org", isLoopback: false, allowed: [], machine: "Studio.lan")
        #expect(policy.allows(host) == isAllowed)
    }

    @Test(
        arguments: [
            ("/path", nil), ("*", nil), ("/a:b//c", nil), ("mailto:a", nil), ("http://evil.example/x", "evil.example"),
            ("http://evil.example", "evil.example"),
            ("HTTP://Evil.example:80?x", "Evil.example:80"), ("https://localhost@evil.example/", "localhost@evil.example"), ("http:///x", ""),
            ("http://[::1]:8080/x", "[::1]:8080"), ("http://evil.example\\@localhost/", "evil.example"),
        ] as [(String, String?)])
    func aTargetNamesItsHost(target: String, host: String?) { #expect(HTTP1Codec.authority(ofTarget: target) == host) }

    @Test func absentNamesAndAWildcardAreAllowed() {
        #expect(HostPolicy(listening: "127.0.0.1", isLoopback: true, allowed: []).allows(nil))
        #expect(HostPolicy(listening: "127.0.0.1", isLoopback: true, allowed: ["*"]).allows("evil.example"))
        #expect(HostPolicy.setting("Atelier.example.org") == "atelier.example.org" && HostPolicy.setting("*") == "*")
        for wrong in ["https://a.b", "a.b:80", "a b", "*.a.b", "", "-a"] { #expect(HostPolicy.setting(wrong) == nil, "\(wrong)") }
    }
}
