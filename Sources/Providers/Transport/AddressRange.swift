/// What an IP address is for, after the IANA special-purpose registries (RFC 6890 and successors).
public enum AddressRange: Sendable, Equatable {
    /// The public internet.
    case global
    /// Loopback, RFC 1918, shared (100.64/10) and unique local ranges.
    case `private`
    /// Metadata services of clouds, link-local, multicast, reserved, unspecified.
    case forbidden

    /// - Parameter address: 4 bytes (IPv4) or 16 (IPv6); any other length is `.forbidden`. An IPv6
    ///   address that wraps an IPv4 one (mapped, NAT64, 6to4) is judged by the IPv4 address.
    public init(_ address: [UInt8]) {
        let address = Self.unwrapped(address)
        if address.count != 4, address.count != 16 {
            self = .forbidden
        } else if Self.forbiddenBlock(address) != nil {
            self = .forbidden
        } else if Self.privateBlocks.contains(where: { $0.contains(address) }) {
            self = .private
        } else {
            self = address.count == 4 || address[0] & 0xE0 == 0x20 ? .global : .forbidden
        }
    }

    /// The smallest forbidden block around an address.
    static func forbiddenBlock(_ address: [UInt8]) -> AddressBlock? {
        forbiddenBlocks.filter { $0.contains(address) }.max { $0.prefix < $1.prefix }
    }

    /// The IPv4 address inside an IPv6 one, where there is one; else the address.
    static func unwrapped(_ a: [UInt8]) -> [UInt8] {
        guard a.count == 16 else { return a }
        if mapped.contains(a) || translated.contains(a) { return Array(a[12...]) }
        return sixToFour.contains(a) ? Array(a[2..<6]) : a
    }

    private static let mapped = AddressBlock("::ffff:0:0/96")!
    private static let translated = AddressBlock("64:ff9b::/96")!
    private static let sixToFour = AddressBlock("2002::/16")!

    private static let privateBlocks = [
        "10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1", "fc00::/7",
    ].map { AddressBlock($0)! }

    private static let forbiddenBlocks = [
        // Metadata of AWS, GCP, Azure and others; AWS over IPv6; Alibaba; Azure's host; Oracle is in 192.0.0.0/24.
        "169.254.0.0/16", "fd00:ec2::/32", "100.100.100.200", "168.63.129.16", "fe80::/10",
        "0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        // Teredo and local NAT64 hide other addresses; the rest is documentation.
        "2001::/32", "64:ff9b:1::/48", "2001:db8::/32", "3fff::/20",
    ].map { AddressBlock($0)! }

    /// The address as people write it.
    static func text(_ a: [UInt8]) -> String {
        a.count == 4
            ? a.map(String.init).joined(separator: ".")
            : stride(from: 0, to: a.count - 1, by: 2).map { String(Int(a[$0]) << 8 | Int(a[$0 + 1]), radix: 16) }.joined(separator: ":")
    }
}
