import Dispatch
import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The operating system's resolver (`getaddrinfo`), off the cooperative threads since it blocks.
enum SystemResolver {
    struct Unresolved: Error {}

    static let addresses: AddressPolicy.Resolver = { host in
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                let found = lookUp(host)
                if found.isEmpty { continuation.resume(throwing: Unresolved()) } else { continuation.resume(returning: found) }
            }
        }
    }

    private static func lookUp(_ host: String) -> [[UInt8]] {
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, nil, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [[UInt8]] = []
        for entry in sequence(first: list, next: { $0?.pointee.ai_next }) {
            guard let entry, let address = entry.pointee.ai_addr else { continue }
            let bytes: [UInt8]? =
                switch entry.pointee.ai_family {
                case AF_INET:
                    address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { withUnsafeBytes(of: $0.pointee.sin_addr, Array.init) }
                case AF_INET6:
                    address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { withUnsafeBytes(of: $0.pointee.sin6_addr, Array.init) }
                default: nil
                }
            if let bytes, !found.contains(bytes) { found.append(bytes) }
        }
        return found
    }
}
