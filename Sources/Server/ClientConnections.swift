import Hummingbird
import NIOCore
import Synchronization

/// Knows of every open connection whether its client is still there, so that work for one that left can
/// be given up. A client is taken for gone when it closes its side, as it is by proxies: that looks the
/// same as leaving.
final class ClientConnections: Sendable {
    private let table = Mutex<[ObjectIdentifier: Client]>([:])

    /// For each new connection, one.
    func handler() -> ClientConnectionHandler { ClientConnectionHandler(connections: self) }

    /// Runs `body`, and cancels it when the client leaves before it is done.
    /// - Parameters:
    ///   - channel: the request's connection; one that is not watched changes nothing.
    ///   - executor: where `body` runs; the pool of threads where none is given.
    func whileConnected<T: Sendable>(_ channel: any Channel, on executor: (any TaskExecutor)? = nil, _ body: @escaping @Sendable () async throws -> T)
        async throws -> T
    {
        guard let client = table.withLock({ $0[ObjectIdentifier(channel)] }) else { return try await body() }
        let task = Task(executorPreference: executor) { try await body() }
        client.begin { task.cancel() }
        defer { client.end() }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    fileprivate func opened(_ channel: any Channel) -> Client {
        let client = Client()
        table.withLock { $0[ObjectIdentifier(channel)] = client }
        return client
    }

    fileprivate func closed(_ channel: any Channel) { table.withLock { $0[ObjectIdentifier(channel)] = nil } }
}

/// One connection's client. A connection serves one request at a time.
private final class Client: Sendable {
    private struct State {
        var isGone = false
        var onLeave: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    func begin(_ onLeave: @escaping @Sendable () -> Void) {
        let isGone = state.withLock { state in
            state.onLeave = onLeave
            return state.isGone
        }
        if isGone { onLeave() }
    }

    func end() { state.withLock { $0.onLeave = nil } }

    func left() {
        let onLeave = state.withLock { state in
            state.isGone = true
            return state.onLeave
        }
        onLeave?()
    }
}

/// Sees the end of what the client sends. Reads nothing and holds nothing up.
final class ClientConnectionHandler: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = NIOAny

    private let connections: ClientConnections
    private let client = Mutex<Client?>(nil)

    init(connections: ClientConnections) { self.connections = connections }

    func handlerAdded(context: ChannelHandlerContext) {
        let opened = connections.opened(context.channel)
        client.withLock { $0 = opened }
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave(context) }

    func channelInactive(context: ChannelHandlerContext) {
        leave(context)
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { client.withLock { $0 }?.left() }
        context.fireUserInboundEventTriggered(event)
    }

    private func leave(_ context: ChannelHandlerContext) {
        client.withLock { $0 }?.left()
        connections.closed(context.channel)
    }
}
