import AsyncHTTPClient
import NIOCore
import Synchronization

/// The process's clients for `https`: one for each set of address rules, which the address of every new
/// connection must pass before a request is sent on it. A process has one or two sets.
enum GuardedClients {
    private static let clients = Mutex<[AddressPolicy.Rules: HTTPClient]>([:])

    static func client(for rules: AddressPolicy.Rules) -> HTTPClient {
        clients.withLock { clients in
            if let client = clients[rules] { return client }
            let client = HTTPClient(
                eventLoopGroupProvider: .singleton, configuration: HTTPTransport.configuration(idle: .seconds(60), guardedBy: rules))
            clients[rules] = client
            return client
        }
    }
}

extension HTTPTransport {
    /// ``configuration(idle:)`` with a check of each new connection's address, after connecting (and the
    /// TLS handshake) and before anything is sent.
    public static func configuration(idle: TimeAmount, guardedBy policy: AddressPolicy) -> HTTPClient.Configuration {
        configuration(idle: idle, guardedBy: policy.rules)
    }

    static func configuration(idle: TimeAmount, guardedBy rules: AddressPolicy.Rules) -> HTTPClient.Configuration {
        var configuration = configuration(idle: idle)
        guard rules.reach != .unrestricted else { return configuration }
        let check: @Sendable (Channel) -> EventLoopFuture<Void> = { channel in
            guard let address = channel.remoteAddress.flatMap(bytes), !rules.allows(address) else {
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            let error = ForbiddenAddress(address: AddressRange.text(address))
            return channel.close().flatMapThrowing { throw error }.flatMapErrorThrowing { _ in throw error }
        }
        configuration.http1_1ConnectionDebugInitializer = check
        configuration.http2ConnectionDebugInitializer = check
        return configuration
    }

    @Sendable private static func bytes(_ address: SocketAddress) -> [UInt8]? {
        switch address {
        case .v4(let v4): withUnsafeBytes(of: v4.address.sin_addr, Array.init)
        case .v6(let v6): withUnsafeBytes(of: v6.address.sin6_addr, Array.init)
        case .unixDomainSocket: nil
        }
    }
}

/// A name has led a connection to an address that the policy does not allow.
struct ForbiddenAddress: Error { let address: String }
