import Logging
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// How many files and sockets this process may have open.
enum FileDescriptors {
    /// Raises the limit as far as the system lets a process do so itself.
    /// - Returns: the limit from now on.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 1024 }
        // Beyond a million the kernel's tables would only cost memory; macOS refuses more than its own constant.
        #if canImport(Darwin)
        let most = rlim_t(OPEN_MAX)
        #else
        let most = rlim_t(1 << 20)
        #endif
        let wanted = min(limit.rlim_max, most)
        if limit.rlim_cur < wanted {
            var raised = limit
            raised.rlim_cur = wanted
            if setrlimit(resource, &raised) == 0 { return Int(wanted) }
        }
        return Int(min(limit.rlim_cur, rlim_t(Int32.max)))
    }

    #if canImport(Glibc)
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
    private static let resource = RLIMIT_NOFILE
    #endif
}

/// How many connections clients may have.
package struct ConnectionLimits: Sendable, Equatable {
    package var total: Int
    /// Of one client's network.
    package var perClient: Int

    /// - Parameters:
    ///   - descriptors: how many the process may have open.
    ///   - kept: how many are kept back for the connections to a database, beside those for its files, the journal and children.
    ///   - total: the operator's wish; 0 is as many as there is room for, up to 10,000.
    ///   - perClient: the operator's wish; 0 is a quarter of all.
    package init(descriptors: Int, kept: Int, total: Int, perClient: Int) {
        let reserve = max(96, min(1024, descriptors / 4)) + kept
        // Each request may need a connection upstream, too.
        let room = max(8, (descriptors - reserve) / 2)
        self.total = min(total == 0 ? 10_000 : total, room)
        self.perClient = min(perClient == 0 ? max(4, self.total / 4) : perClient, self.total)
    }
}

/// On the listening socket: outlives a lack of file descriptors.
///
/// Without it an `accept` that fails ends the server, and one that is tried again at once keeps a core busy until it succeeds.
final class AcceptHandler: ChannelDuplexHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = NIOAny

    private let connections: ClientConnections
    private let logger: Logger
    private var isPaused = false
    private var wantsRead = false
    private var lastTold: NIODeadline?

    init(connections: ClientConnections, logger: Logger) {
        self.connections = connections
        self.logger = logger
    }

    /// Adds one in front of a listening socket's handlers.
    static func add(to channel: any Channel, connections: ClientConnections, logger: Logger) async throws {
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(AcceptHandler(connections: connections, logger: logger), position: .first)
        }.get()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED].contains(error.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        // A client that left before it was let in costs nothing.
        if error.errnoCode == ECONNABORTED { return }
        let now = context.eventLoop.now
        if lastTold.map({ now - $0 > .minutes(1) }) ?? true {
            lastTold = now
            logger.error("new connections cannot be accepted: \(error); idle ones are closed to make room")
        }
        connections.makeRoom()
        guard !isPaused else { return }
        isPaused = true
        context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(100)) {
            self.isPaused = false
            guard self.wantsRead else { return }
            self.wantsRead = false
            context.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        if isPaused { wantsRead = true } else { context.read() }
    }
}
