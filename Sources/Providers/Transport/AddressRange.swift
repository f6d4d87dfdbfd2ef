/// What an IP address is for, after the IANA special-purpose registries (RFC 6890 and successors).
public enum AddressRange: Sendable, Equatable {
    /// The public internet.
    case global
    /// Loopback, RFC 1918, shared (100.64/10) and unique local ranges.
    case `private`
    /// Link-local (cloud metadata lives there), multicast, reserved, unspecified.
    case forbidden

    /// - Parameter address: 4 bytes (IPv4) or 16 (IPv6); any other length is `.forbidden`. An IPv6
    ///   address that wraps an IPv4 one (mapped, NAT64, 6to4) is judged by the IPv4 address.
    public init(_ address: [UInt8]) {
        switch address.count {
        case 4: self = Self.v4(address)
        case 16: self = Self.v6(address)
        default: self = .forbidden
        }
    }

    private static func v4(_ a: [UInt8]) -> AddressRange {
        switch (a[0], a[1], a[2]) {
        case (10, _, _), (127, _, _), (172, 16...31, _), (192, 168, _), (100, 64...127, _): .private
        case (0, _, _), (169, 254, _), (192, 0, 0), (192, 0, 2), (198, 18...19, _), (198, 51, 100), (203, 0, 113), (224..., _, _): .forbidden
        default: .global
        }
    }

    private static func v6(_ a: [UInt8]) -> AddressRange {
        if a.starts(with: [0xFD, 0x00, 0x0E, 0xC2]) { return .forbidden }  // fd00:ec2::254, a cloud's metadata
        let zeros = a.prefix(10).allSatisfy { $0 == 0 }
        if zeros, a[10] == 0xFF, a[11] == 0xFF { return v4(Array(a[12...])) }
        if zeros, a[10] == 0, a[11] == 0 { return a[12...] == [0, 0, 0, 1] ? .private : .forbidden }
        if a.starts(with: [0x00, 0x64, 0xFF, 0x9B]) { return v4(Array(a[12...])) }
        if a.starts(with: [0x20, 0x02]) { return v4(Array(a[2..<6])) }
        if a[0] & 0xFE == 0xFC { return .private }
        return a[0] & 0xE0 == 0x20 ? .global : .forbidden
    }

    /// The address as people write it.
    static func text(_ a: [UInt8]) -> String {
        a.count == 4
            ? a.map(String.init).joined(separator: ".")
            : stride(from: 0, to: a.count - 1, by: 2).map { String(Int(a[$0]) << 8 | Int(a[$0 + 1]), radix: 16) }.joined(separator: ":")
    }
}
