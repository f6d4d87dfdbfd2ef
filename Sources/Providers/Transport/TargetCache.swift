import Foundation
import Synchronization

/// What is known of a URL without asking anybody: a URL is parsed once, and one whose host is an address
/// is judged once. What a name stands for is never kept.
final class TargetCache: Sendable {
    enum Entry: Sendable {
        /// Why.
        case unusable(String)
        /// An allowed address, or no policy at all.
        case fixed(AddressPolicy.Target)
        case forbidden(host: String)
        /// To be resolved at every request.
        case named(ParsedURL)
    }

    /// A URL whose host is a name.
    struct ParsedURL: Sendable {
        var url: String
        var name: String
        /// Host and port.
        var authority: String
        var origin: String
        var isPlain: Bool
        /// The URL around its host.
        var beforeHost: String
        var afterHost: String

        /// A plain request goes to the address itself, so that nothing can come in between.
        func target(at address: [UInt8]) -> AddressPolicy.Target {
            guard isPlain else { return .init(url: url, host: nil, origin: origin, isPlain: false) }
            let host = address.count == 16 ? "[\(AddressRange.text(address))]" : AddressRange.text(address)
            return .init(url: beforeHost + host + afterHost, host: authority, origin: origin, isPlain: true)
        }
    }

    private static let capacity = 1024
    private let entries = Mutex<[String: Entry]>([:])
    private let rules: AddressPolicy.Rules

    init(_ rules: AddressPolicy.Rules) { self.rules = rules }

    func entry(_ url: String) -> Entry {
        if let known = entries.withLock({ $0[url] }) { return known }
        let entry = parse(url)
        entries.withLock { entries in
            // Users' URLs come and go; the ones in use are parsed again soon enough.
            if entries.count >= Self.capacity { entries.removeAll() }
            entries[url] = entry
        }
        return entry
    }

    private func parse(_ url: String) -> Entry {
        var (parts, scheme, host): (URLComponents, String, String)
        do throws(UpstreamURL.Unusable) {
            let address = try UpstreamURL(request: url)
            (parts, scheme, host) = (address.parts, address.scheme, address.host)
        } catch { return .unusable(error.reason) }
        let authority = host + (parts.port.map { ":\($0)" } ?? "")
        let origin = "\(scheme)://\(authority)"
        let isPlain = scheme == "http"
        if rules.reach == .unrestricted { return .fixed(AddressPolicy.Target(url: url, host: nil, origin: origin, isPlain: isPlain).withParsedURL()) }

        let name = host.trimmingCharacters(in: ["[", "]"])
        // The URL with a mark in the host's place, cut there.
        let mark = "host.invalid"
        parts.host = mark
        guard let marked = parts.string, let place = marked.range(of: mark) else { return .unusable("must look like https://host/path") }
        let parsed = ParsedURL(
            url: url, name: name, authority: authority, origin: origin, isPlain: isPlain, beforeHost: String(marked[..<place.lowerBound]),
            afterHost: String(marked[place.upperBound...]))
        guard let address = AddressText.bytes(name) else { return .named(parsed) }
        return rules.allows(address) ? .fixed(parsed.target(at: address).withParsedURL()) : .forbidden(host: host)
    }
}
