import HTTPTypes
import NIOCore

import struct Providers.AddressBlock

/// An IP address. IPv4 written as IPv6 (`::ffff:192.0.2.1`), as a socket that listens on both shows it, counts as IPv4.
package struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 (IPv4) or 16 (IPv6).
    package let bytes: [UInt8]
    package let description: String

    /// `nil` for anything but an address.
    package init?(_ text: String) {
        guard let address = try? SocketAddress(ipAddress: text, port: 0) else { return nil }
        self.init(address)
    }

    /// `nil` for a Unix domain socket.
    package init?(_ address: SocketAddress) {
        let bytes: [UInt8]
        switch address {
        case .v4(let v4): bytes = withUnsafeBytes(of: v4.address.sin_addr, Array.init)
        case .v6(let v6): bytes = withUnsafeBytes(of: v6.address.sin6_addr, Array.init)
        case .unixDomainSocket: return nil
        }
        let isMapped = bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        self.bytes = isMapped ? Array(bytes[12...]) : bytes
        description = isMapped ? bytes[12...].map(String.init).joined(separator: ".") : address.ipAddress ?? ""
    }

    /// An entry of `X-Forwarded-For`: an address, in brackets or with a port as some proxies write it.
    package init?(forwarded text: some StringProtocol) {
        let text = String(text.filter { !$0.isWhitespace })
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            self.init(String(text[text.index(after: text.startIndex)..<end]))
        } else if text.contains("."), let colon = text.firstIndex(of: ":"), text[colon...].lastIndex(of: ":") == colon {
            self.init(String(text[..<colon]))
        } else {
            self.init(text)
        }
    }

    package var isLoopback: Bool { bytes.count == 4 ? bytes[0] == 127 : bytes == Self.loopback6 }

    /// What one client can be told from another by: an IPv4 address, or the /64 of an IPv6 one, of which everybody has all addresses.
    package var network: ClientNetwork { ClientNetwork(bytes: bytes.count == 4 ? bytes : Array(bytes[..<8])) }

    private static let loopback6: [UInt8] = Array(repeating: 0, count: 15) + [1]

    package static func == (one: Self, other: Self) -> Bool { one.bytes == other.bytes }
    package func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

/// The addresses that may all be one client's.
package struct ClientNetwork: Hashable, Sendable {
    fileprivate let bytes: [UInt8]
}

/// Whom a request came from.
package struct ClientAddress: Sendable {
    /// `nil` where it cannot be told.
    package var address: NetworkAddress?
    /// Whether the request was made on this machine and no proxy passed it on, as far as it says.
    package var isLocal: Bool

    static let unknown = ClientAddress(address: nil, isLocal: false)
}

/// Finds out whom a request came from, also behind proxies.
package struct ClientAddresses: Sendable {
    /// Whose `X-Forwarded-For` is believed.
    let trustedProxies: [AddressBlock]

    package init(trustedProxies: [AddressBlock]) { self.trustedProxies = trustedProxies }

    /// - Parameter peer: the other end of the connection.
    package func client(peer: NetworkAddress?, headers: HTTPFields) -> ClientAddress {
        guard let peer else { return .unknown }
        // Anybody can write the headers. From a peer nobody trusts they prove one thing only: that the request may be a stranger's.
        guard isTrusted(peer) else { return ClientAddress(address: peer, isLocal: peer.isLoopback && !Self.isForwarded(headers)) }
        // Each proxy adds at the right the address it was reached from. What stands left of a stranger's is the stranger's word.
        var client = peer
        for entry in headers[values: Self.forwardedFor].flatMap({ $0.split(separator: ",") }).reversed() {
            guard let hop = NetworkAddress(forwarded: entry) else { break }
            client = hop
            if !isTrusted(hop) { break }
        }
        return ClientAddress(address: client, isLocal: false)
    }

    func isTrusted(_ address: NetworkAddress) -> Bool { trustedProxies.contains { $0.contains(address.bytes) } }

    private static func isForwarded(_ headers: HTTPFields) -> Bool { marks.contains { headers.contains($0) } }

    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")!
    /// What proxies leave in requests they pass on.
    private static let marks = [
        forwardedFor, .init("Forwarded")!, .init("X-Real-IP")!, .init("X-Forwarded-Host")!, .init("X-Forwarded-Proto")!, .init("Via")!,
    ]
}
