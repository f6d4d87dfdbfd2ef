#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Reads addresses as people and attackers write them.
enum AddressText {
    /// 4 or 16 bytes; `nil` for a name.
    /// - Parameter isStrict: only the usual forms. Otherwise also what every resolver takes for IPv4:
    ///   `0x7f.1`, `017700000001`, `2130706433`.
    static func bytes(_ text: String, isStrict: Bool = false) -> [UInt8]? {
        if text.utf8.contains(UInt8(ascii: ":")) {
            var address = in6_addr()
            return inet_pton(AF_INET6, text, &address) == 1 ? withUnsafeBytes(of: address, Array.init) : nil
        }
        guard text.utf8.first.map({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) == true,
            text.utf8.allSatisfy({ $0 != UInt8(ascii: " ") && $0 > 0x20 })
        else { return nil }
        var address = in_addr()
        let isAddress = isStrict ? inet_pton(AF_INET, text, &address) == 1 : inet_aton(text, &address) != 0
        return isAddress ? withUnsafeBytes(of: address.s_addr, Array.init) : nil
    }
}
