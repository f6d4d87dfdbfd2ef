import Domain
import Foundation

/// Which addresses a user's base URL may lead to. Without it, a base URL is a way into the
/// operator's network and to the cloud's metadata service.
///
/// Names are resolved at every request, for what a name stood for a moment ago proves nothing (DNS
/// rebinding). A plain `http` request is then sent to the very address that was checked. An `https` one
/// is resolved again by the HTTP client, which has no resolver of ours; there the certificate ties the
/// name to its owner, and ``HTTPTransport`` checks the address of each new connection before anything
/// is sent on it, so that the most a rebinding name obtains is a TLS handshake.
public struct AddressPolicy: Sendable {
    /// Resolves a host to IPv4 (4 bytes) or IPv6 (16 bytes) addresses.
    public typealias Resolver = @Sendable (_ host: String) async throws -> [[UInt8]]

    enum Reach: Sendable, Hashable { case unrestricted, publicOnly, publicAndPrivate }

    /// The rules without the resolver.
    struct Rules: Sendable, Hashable {
        var reach: Reach
        var allowed: [AddressBlock] = []

        func allows(_ address: [UInt8]) -> Bool {
            if reach == .unrestricted { return true }
            let range = AddressRange(address)
            if range == .global || (range == .private && reach == .publicAndPrivate) { return true }
            let inner = AddressRange.unwrapped(address)
            // A wide block does not open what lies in it by accident: metadata must be named.
            let forbidden = range == .forbidden ? AddressRange.forbiddenBlock(inner) : nil
            return allowed.contains { ($0.contains(inner) || $0.contains(address)) && (forbidden?.contains($0) ?? (range != .forbidden)) }
        }
    }

    let rules: Rules
    let resolve: Resolver
    private let targets: TargetCache

    init(_ rules: Rules, resolve: @escaping Resolver) {
        self.rules = rules
        self.resolve = resolve
        targets = TargetCache(rules)
    }

    /// No check: for endpoints that only the operator sets.
    public static let unrestricted = AddressPolicy(Rules(reach: .unrestricted), resolve: NameLookups.resolver)
    /// Addresses of the public internet only.
    public static let publicOnly = publicOnly(resolve: NameLookups.resolver)
    /// Loopback and private ranges too; link-local addresses, where clouds put their metadata, never.
    public static let publicAndPrivate = AddressPolicy(Rules(reach: .publicAndPrivate), resolve: NameLookups.resolver)

    /// ``publicOnly`` with another resolver, for tests.
    public static func publicOnly(resolve: @escaping Resolver) -> AddressPolicy {
        AddressPolicy(Rules(reach: .publicOnly), resolve: resolve)
    }

    /// This policy with further blocks. Addresses of metadata services, link-local, multicast and
    /// reserved ones are opened only by a block that lies within their own range.
    public func allowing(_ blocks: [AddressBlock]) -> AddressPolicy {
        AddressPolicy(Rules(reach: rules.reach, allowed: rules.allowed + blocks), resolve: resolve)
    }

    /// Checks an address that somebody gives, as at its saving.
    /// - Throws: ``ProviderError``: `.invalidRequest` for a URL that cannot be used, `.permission` for an IP address that
    ///   is not allowed, `.connection` for a name that leads to none that is: whether it exists is not told.
    public func check(_ url: String, provider: String) async throws {
        if let problem = UpstreamURL.problem(url) { throw ProviderError(.invalidRequest, provider: provider, message: "the base URL \(problem)") }
        _ = try await target(of: url, provider: provider)
    }

    /// Where a checked request goes.
    struct Target: Sendable {
        var url: String
        /// The `Host` header, where `url` names an address in the host's place.
        var host: String?
        /// Scheme, host and port, for messages.
        var origin: String
        /// `http`, not `https`.
        var isPlain: Bool
        /// `url`, where it is the same at every request and so worth parsing once.
        var parsed: URL?

        func withParsedURL() -> Target {
            var target = self
            target.parsed = URL(string: url)
            return target
        }
    }

    func target(of url: String, provider: String) async throws -> Target {
        switch targets.entry(url) {
        case .unusable(let reason): throw ProviderError(.invalidRequest, provider: provider, message: "the base URL \(reason)")
        case .fixed(let target): return target
        case .forbidden(let host):
            throw ProviderError(
                .permission, provider: provider, message: "\(host) is an address that this server does not let base URLs reach")
        case .named(let parsed):
            let addresses: [[UInt8]]
            do { addresses = try await resolve(parsed.name) } catch is CancellationError { throw CancellationError() } catch { addresses = [] }
            guard let first = addresses.first, addresses.allSatisfy(rules.allows) else {
                throw ProviderError.unreachable(parsed.name, provider: provider)
            }
            return parsed.target(at: first)
        }
    }
}

extension ProviderError {
    /// A name that leads nowhere the policy allows. The same words whether it exists or not: what names stand for inside
    /// the operator's network is not for users to find out.
    static func unreachable(_ name: String, provider: String) -> ProviderError {
        ProviderError(
            .connection, provider: provider,
            message:
                "the host name \(name) leads to no address that base URLs may reach here: it does not exist, or what it stands for is closed to them")
    }
}
