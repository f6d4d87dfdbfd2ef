/// A block of addresses in CIDR notation (RFC 4632, RFC 4291): `10.1.0.0/16`, `fd00::/8`; a bare address
/// is a block of one.
public struct AddressBlock: Sendable, Hashable, CustomStringConvertible {
    /// 4 bytes (IPv4) or 16 (IPv6); bits beyond the prefix are zero.
    let network: [UInt8]
    /// Bits that count.
    let prefix: Int

    /// `nil` where the text is no block: not an address, a prefix out of range, or bits set beyond the
    /// prefix, which is more often a slip than meant.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let address = AddressText.bytes(parts[0], isStrict: true) else { return nil }
        let bits = address.count * 8
        guard parts.count == 1 || parts[1].allSatisfy(\.isNumber), let prefix = parts.count == 1 ? bits : Int(parts[1]),
            (0...bits).contains(prefix)
        else { return nil }
        self.init(address, prefix)
        guard network == address else { return nil }
    }

    init(_ address: [UInt8], _ prefix: Int) {
        self.prefix = prefix
        network = address.enumerated().map { index, byte in byte & Self.mask(prefix - index * 8) }
    }

    /// The bits of one byte that count when `bits` of it and the following do.
    private static func mask(_ bits: Int) -> UInt8 { bits >= 8 ? 0xFF : bits <= 0 ? 0 : ~(0xFF >> UInt8(bits)) }

    /// - Parameter address: 4 bytes (IPv4) or 16 (IPv6).
    public func contains(_ address: [UInt8]) -> Bool {
        guard address.count == network.count else { return false }
        for index in network.indices where (address[index] & Self.mask(prefix - index * 8)) != network[index] { return false }
        return true
    }

    /// Whether all of `other` lies in this block.
    func contains(_ other: AddressBlock) -> Bool { other.prefix >= prefix && contains(other.network) }

    /// Whether the block is wider than any one network: all of IPv4 as IPv6 writes it included.
    public var holdsStrangers: Bool { network.count == 4 ? prefix < 8 : prefix < 7 || contains(Self.mapped) }

    private static let mapped = AddressBlock([UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 0, 0, 0, 0], 96)

    public var description: String { "\(AddressRange.text(network))/\(prefix)" }
}
