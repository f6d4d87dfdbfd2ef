import NIOCore
import Synchronization

/// Every open connection of a client: how many there may be, and whether its client is still there, so that work for one that left
/// can be given up. A client is taken for gone when it closes its side, as it is by proxies: that looks the same as leaving.
package final class ClientConnections: Sendable {
    let limits: ConnectionLimits
    let timeouts: ConnectionTimeouts
    /// A trusted proxy's connections carry many clients' requests, and so are not held to one client's share.
    private let addresses: ClientAddresses

    private struct Table {
        var clients: [ObjectIdentifier: ConnectedClient] = [:]
        /// All but those that are being closed to make room.
        var counted = 0
        var ofNetwork: [ClientNetwork: Int] = [:]
        /// Open only until they have been told that there is no room.
        var refused = 0
    }

    private let table = Mutex(Table())
    /// Refused connections that may be open at once; others are closed without a word.
    private static let mostRefused = 32

    package init(limits: ConnectionLimits, timeouts: ConnectionTimeouts, addresses: ClientAddresses) {
        self.limits = limits
        self.timeouts = timeouts
        self.addresses = addresses
    }

    /// For each new connection, one.
    package func handler() -> ClientConnectionHandler { ClientConnectionHandler(connections: self) }

    /// Runs `body`, and cancels it when the client leaves before it is done.
    /// - Parameters:
    ///   - channel: the request's connection; one that is not watched changes nothing.
    ///   - executor: where `body` runs; the pool of threads where none is given.
    func whileConnected<T: Sendable>(_ channel: any Channel, on executor: (any TaskExecutor)? = nil, _ body: @escaping @Sendable () async throws -> T)
        async throws -> T
    {
        guard let client = table.withLock({ $0.clients[ObjectIdentifier(channel)] }) else { return try await body() }
        let task = Task(executorPreference: executor) { try await body() }
        client.begin { task.cancel() }
        defer { client.end() }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    enum Admission {
        case admitted(ConnectedClient)
        /// - Parameter lingers: whether it may stay until it has been told; then ``refusalEnded()`` has to be called.
        case refused(lingers: Bool)
    }

    /// Takes a new connection in. Where there are too many, those that have waited longest for a request make room.
    func opened(_ channel: any Channel, at now: NIODeadline) -> Admission {
        let address = channel.remoteAddress.flatMap(NetworkAddress.init)
        let network = address.flatMap { addresses.isTrusted($0) ? nil : $0.network }
        let client = ConnectedClient(channel, network, since: now)
        let (admission, closing) = table.withLock { table -> (Admission, [ConnectedClient]) in
            var closing: [ConnectedClient] = []
            if let network, table.ofNetwork[network, default: 0] >= limits.perClient {
                closing += Self.makeRoom(&table, most: limits.perClient) { $0.network == network }
            }
            if table.counted >= limits.total { closing += Self.makeRoom(&table, most: limits.total) { _ in true } }
            guard table.counted < limits.total, network.map({ table.ofNetwork[$0, default: 0] < limits.perClient }) ?? true else {
                let lingers = table.refused < Self.mostRefused
                if lingers { table.refused += 1 }
                return (.refused(lingers: lingers), closing)
            }
            table.clients[ObjectIdentifier(channel)] = client
            Self.count(client, in: &table)
            return (.admitted(client), closing)
        }
        for client in closing { client.closeIfIdle() }
        return admission
    }

    func closed(_ channel: any Channel) {
        table.withLock { table in
            guard let client = table.clients.removeValue(forKey: ObjectIdentifier(channel)) else { return }
            Self.uncount(client, in: &table)
        }
    }

    func refusalEnded() { table.withLock { $0.refused -= 1 } }

    /// A connection that was to make room has a request after all.
    func stays(_ client: ConnectedClient) {
        table.withLock { table in
            guard table.clients[ObjectIdentifier(client.channel)] === client else { return }
            Self.count(client, in: &table)
        }
    }

    /// Closes some of the connections that have waited longest for a request, for the sake of others.
    func makeRoom() {
        for client in table.withLock({ table in Self.makeRoom(&table, most: table.counted) { _ in true } }) { client.closeIfIdle() }
    }

    /// How many there are.
    package var count: Int { table.withLock { $0.counted } }

    /// Chooses the longest idle of those that `isOne` names: a sixteenth of `most`, so that a flood does not have every connection
    /// looked at for each new one.
    private static func makeRoom(_ table: inout Table, most: Int, _ isOne: (ConnectedClient) -> Bool) -> [ConnectedClient] {
        let idle = table.clients.values.filter { $0.isCounted && isOne($0) }.compactMap { client in client.idleSince.map { (client, $0) } }
        let chosen = idle.sorted { $0.1 < $1.1 }.prefix(max(1, most / 16)).map(\.0)
        for client in chosen { uncount(client, in: &table) }
        return chosen
    }

    private static func count(_ client: ConnectedClient, in table: inout Table) {
        guard !client.isCounted else { return }
        client.isCounted = true
        table.counted += 1
        if let network = client.network { table.ofNetwork[network, default: 0] += 1 }
    }

    private static func uncount(_ client: ConnectedClient, in table: inout Table) {
        guard client.isCounted else { return }
        client.isCounted = false
        table.counted -= 1
        guard let network = client.network, let count = table.ofNetwork[network] else { return }
        table.ofNetwork[network] = count > 1 ? count - 1 : nil
    }
}

/// One connection's client. A connection serves one request at a time.
final class ConnectedClient: Sendable {
    private struct State {
        var isGone = false
        var onLeave: (@Sendable () -> Void)?
    }

    /// `nil` where its connections are not counted.
    let network: ClientNetwork?
    fileprivate let channel: any Channel
    private let state = Mutex(State())
    /// In nanoseconds; 0 while there is a request.
    private let waitingSince: Atomic<UInt64>
    private let counts = Atomic<Bool>(false)

    init(_ channel: any Channel, _ network: ClientNetwork?, since now: NIODeadline) {
        self.channel = channel
        self.network = network
        waitingSince = Atomic(max(1, now.uptimeNanoseconds))
    }

    /// Whether it is one of those that limits count. Changed under the table's lock alone.
    fileprivate(set) var isCounted: Bool {
        get { counts.load(ordering: .relaxed) }
        set { counts.store(newValue, ordering: .relaxed) }
    }

    /// Since when it has had no request; `nil` while it has one.
    var idleSince: NIODeadline? {
        get {
            let since = waitingSince.load(ordering: .relaxed)
            return since == 0 ? nil : .uptimeNanoseconds(since)
        }
        set { waitingSince.store(newValue.map { max(1, $0.uptimeNanoseconds) } ?? 0, ordering: .relaxed) }
    }

    fileprivate func closeIfIdle() { channel.pipeline.fireUserInboundEventTriggered(ClientConnectionHandler.MakeRoom()) }

    fileprivate func begin(_ onLeave: @escaping @Sendable () -> Void) {
        let isGone = state.withLock { state in
            state.onLeave = onLeave
            return state.isGone
        }
        if isGone { onLeave() }
    }

    fileprivate func end() { state.withLock { $0.onLeave = nil } }

    func left() {
        let onLeave = state.withLock { state in
            state.isGone = true
            return state.onLeave
        }
        onLeave?()
    }
}
