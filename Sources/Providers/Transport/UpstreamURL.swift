import Foundation

/// An address that this server calls for somebody. The one check of them all: base URLs of minions, keys and
/// definitions, webhooks, and the servers that settings name. Where the address leads is ``AddressPolicy``'s to judge.
public struct UpstreamURL {
    /// Bytes of an address.
    public static let maxLength = 2000

    /// Why a text is no such address. Quotes nothing of it, since it may hold a password.
    public struct Unusable: Error, Sendable, CustomStringConvertible {
        public let reason: String
        public var description: String { reason }
    }

    var parts: URLComponents
    /// `http` or `https`.
    let scheme: String
    /// A name or an address, IPv6 in brackets.
    let host: String

    /// - Throws: ``Unusable`` unless it is `http` or `https` with a host and, maybe, a port and a path, and nothing else:
    ///   a path is appended to it, a query or a fragment would swallow that, and a password would end up in logs.
    public init(_ text: String) throws(Unusable) {
        try self.init(request: text)
        if text.utf8.count > Self.maxLength { throw Unusable(reason: "is longer than \(Self.maxLength) characters") }
        if parts.query != nil { throw Unusable(reason: "has a query (?…): leave it out") }
        if parts.fragment != nil { throw Unusable(reason: "has a fragment (#…): leave it out") }
    }

    /// An address as a request goes to it: what a dialect has appended may be a query.
    init(request text: String) throws(Unusable) {
        guard text.utf8.count <= 16_384 else { throw Unusable(reason: "is too long") }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Unusable(reason: "has a space, a control character or a letter beyond ASCII in it: write a name as xn--…, others as %…")
        }
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https",
            let place = parts.rangeOfHost, !place.isEmpty
        else { throw Unusable(reason: "must look like https://host/path") }
        guard parts.user == nil, parts.password == nil else { throw Unusable(reason: "must be without user name and password") }
        // As it is written: Foundation reads escapes and xn-- as the letters they stand for, which resolvers do not.
        let host = String(text[place])
        guard host.utf8.count <= 255, !host.contains("%") else { throw Unusable(reason: "has a host name that is none") }
        // Without a number behind the colon there is no port to judge.
        guard parts.rangeOfPort == nil || parts.port != nil, parts.port.map((1...65_535).contains) ?? true else {
            throw Unusable(reason: "has a port that is not from 1 to 65535")
        }
        self.parts = parts
        self.scheme = scheme
        self.host = host
    }

    /// What is wrong with `text`; nil where it can be used.
    public static func problem(_ text: String) -> String? {
        do throws(Unusable) {
            _ = try UpstreamURL(text)
            return nil
        } catch { return error.reason }
    }
}
