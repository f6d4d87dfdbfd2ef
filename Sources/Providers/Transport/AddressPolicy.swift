import Foundation

/// Which addresses a user's base URL may lead to. Without it, a base URL is a way into the
/// operator's network and to the cloud's metadata service.
///
/// Names are resolved at every request. A plain `http` request is then sent to the very address
/// that was checked; an `https` one is resolved again by the client, where the certificate ties the
/// name to its owner.
public struct AddressPolicy: Sendable {
    /// Resolves a host to IPv4 (4 bytes) or IPv6 (16 bytes) addresses.
    public typealias Resolver = @Sendable (_ host: String) async throws -> [[UInt8]]

    enum Reach: Sendable { case unrestricted, publicOnly, publicAndPrivate }
    let reach: Reach
    let resolve: Resolver

    /// No check: for endpoints that only the operator sets.
    public static let unrestricted = AddressPolicy(reach: .unrestricted, resolve: SystemResolver.addresses)
    /// Addresses of the public internet only.
    public static let publicOnly = publicOnly(resolve: SystemResolver.addresses)
    /// Loopback and private ranges too; link-local addresses, where clouds put their metadata, never.
    public static let publicAndPrivate = AddressPolicy(reach: .publicAndPrivate, resolve: SystemResolver.addresses)

    /// ``publicOnly`` with another resolver, for tests.
    public static func publicOnly(resolve: @escaping Resolver) -> AddressPolicy {
        AddressPolicy(reach: .publicOnly, resolve: resolve)
    }

    /// Checks a base URL, as at its saving.
    /// - Throws: ``ProviderError``: `.invalidRequest` for a URL that cannot be used, `.permission`
    ///   for an address that is not allowed, `.connection` for a name that does not resolve.
    public func check(_ url: String, provider: String) async throws {
        _ = try await target(of: url, provider: provider)
    }

    /// Where a checked request goes.
    struct Target {
        var url: String
        /// The `Host` header, where `url` names an address in the host's place.
        var host: String?
        /// Scheme, host and port, for messages.
        var origin: String
        /// `http`, not `https`.
        var isPlain: Bool
    }

    func target(of url: String, provider: String) async throws -> Target {
        guard var parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https",
            let host = parts.host, !host.isEmpty, parts.user == nil, parts.password == nil
        else {
            throw ProviderError(
                .invalidRequest, provider: provider, message: "the base URL must look like https://host/path, without a user name in it")
        }
        let authority = host + (parts.port.map { ":\($0)" } ?? "")
        let origin = "\(scheme)://\(authority)"
        guard reach != .unrestricted else { return Target(url: url, host: nil, origin: origin, isPlain: scheme == "http") }

        let name = host.trimmingCharacters(in: ["[", "]"])
        let addresses: [[UInt8]]
        do { addresses = try await resolve(name) } catch { addresses = [] }
        guard let first = addresses.first else {
            throw ProviderError(.connection, provider: provider, message: "the host name \(host) does not resolve")
        }
        for address in addresses where !allows(address) {
            throw ProviderError(
                .permission, provider: provider,
                message: "\(host) is \(AddressRange.text(address)), an address this server does not let base URLs reach")
        }
        guard scheme == "http" else { return Target(url: url, host: nil, origin: origin, isPlain: false) }
        parts.host = first.count == 16 ? "[\(AddressRange.text(first))]" : AddressRange.text(first)
        return Target(url: parts.string ?? url, host: authority, origin: origin, isPlain: true)
    }

    private func allows(_ address: [UInt8]) -> Bool {
        switch (reach, AddressRange(address)) {
        case (.unrestricted, _), (_, .global), (.publicAndPrivate, .private): true
        default: false
        }
    }
}
