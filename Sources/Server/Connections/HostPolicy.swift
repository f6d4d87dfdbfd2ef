#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The names a request may be addressed to.
///
/// A web page can have its own name lead to this server's address (DNS rebinding); its scripts then talk to the server as their own
/// origin. But the browser says the page's name in `Host`. An address in place of a name cannot be led elsewhere.
package struct HostPolicy: Sendable {
    private let names: [[UInt8]]
    private let allowsAll: Bool
    private let isForThisMachine: Bool

    /// - Parameters:
    ///   - listening: the name or address the server listens on.
    ///   - isLoopback: whether that is this machine's own: then no other address and no other name is needed.
    ///   - allowed: further names, as ``setting(_:)`` returns them.
    ///   - machine: this machine's name.
    package init(listening: String, isLoopback: Bool, allowed: [String], machine: String? = HostPolicy.machineName()) {
        allowsAll = allowed.contains("*")
        isForThisMachine = isLoopback
        let machine = machine.map { [$0.lowercased(), "\($0.lowercased()).local"] } ?? []
        // In the order of their frequency; the address is here to be found without being parsed.
        names = (["127.0.0.1", "localhost"] + allowed + (isLoopback ? [] : [listening.lowercased()] + machine)).map { Array($0.utf8) }
    }

    /// - Parameter authority: `Host`, with a port or without. Absent, as no browser leaves it, it is allowed.
    package func allows(_ authority: String?) -> Bool {
        guard var authority, !allowsAll else { return true }
        return authority.withUTF8 { allows($0) }
    }

    private func allows(_ authority: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = authority.first else { return true }
        if first == UInt8(ascii: "[") {
            guard let end = authority.firstIndex(of: UInt8(ascii: "]")), Self.isPort(authority[(end + 1)...]) else { return false }
            return allows(address: authority[1..<end])
        }
        let end = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
        guard Self.isPort(authority[end...]) else { return false }
        let name = authority[..<end]
        for known in names where known.count == name.count && zip(known, name).allSatisfy({ $0 == Self.lowercase($1) }) { return true }
        if allows(address: name) { return true }
        // Names without a dot are found on the local network only, if at all: no page from outside has one.
        return !isForThisMachine && !name.isEmpty
            && name.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(Self.lowercase($0)) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
            }
            && !name.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private func allows(address: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard let first = address.first, first == UInt8(ascii: ":") || Self.isHexadecimal(first),
            let address = NetworkAddress(String(decoding: address, as: UTF8.self))
        else { return false }
        return !isForThisMachine || address.isLoopback
    }

    /// Empty, or a colon and digits.
    private static func isPort(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard let first = text.first else { return true }
        return first == UInt8(ascii: ":") && text.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(lowercase(byte))
    }

    /// A name of `ATELIER_ALLOWED_HOSTS` in lower case, or `*`; `nil` for what is no host name.
    package static func setting(_ text: String) -> String? {
        if text == "*" { return text }
        guard text.wholeMatch(of: /[A-Za-z0-9_]([A-Za-z0-9_.\-]*[A-Za-z0-9_])?/) != nil else { return nil }
        return text.lowercased()
    }

    /// As the system knows it; not looked up anywhere.
    package static func machineName() -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return name.isEmpty ? nil : name
    }
}
