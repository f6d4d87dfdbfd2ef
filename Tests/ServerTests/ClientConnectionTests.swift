import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import Server
import Testing

/// One connection, on an event loop whose time the test sets.
@Suite struct ClientConnectionTests {
    private final class Connection {
        let channel: EmbeddedChannel
        let loop = EmbeddedEventLoop()
        let errors = Errors()

        final class Errors: ChannelInboundHandler {
            typealias InboundIn = HTTPRequestPart
            var caught: [any Error] = []
            func errorCaught(context: ChannelHandlerContext, error: any Error) { caught.append(error) }
        }

        init(_ connections: ClientConnections = ClientConnectionTests.connections(), after wait: TimeAmount = .zero) throws {
            loop.advanceTime(by: wait)
            channel = EmbeddedChannel(loop: loop)
            try channel.pipeline.syncOperations.addHandlers([connections.handler(), errors])
            channel.remoteAddress = try SocketAddress(ipAddress: "203.0.113.9", port: 4711)
            try channel.connect(to: SocketAddress(ipAddress: "203.0.113.1", port: 8080)).wait()
        }

        var isOpen: Bool { channel.isActive }

        /// - Parameter isLast: whether the client says that it is the last.
        func head(_ method: HTTPRequest.Method = .post, isLast: Bool = false) throws {
            var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: "/")
            if isLast { head.headerFields[.connection] = "close" }
            try channel.writeInbound(HTTPRequestPart.head(head))
            channel.read()
        }

        /// - Parameter reads: whether the server then wants more of it.
        func body(_ bytes: Int, reads: Bool = true) throws {
            try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(repeating: 0x78, count: bytes)))
            if reads { channel.read() }
        }

        func end() throws { try channel.writeInbound(HTTPRequestPart.end(nil)) }

        /// The reply's head as it leaves.
        func reply(_ status: HTTPResponse.Status = .ok) throws -> HTTPResponse? {
            channel.write(HTTPResponsePart.head(.init(status: status)), promise: nil)
            channel.writeAndFlush(HTTPResponsePart.end(nil), promise: nil)
            loop.run()
            return try sent()
        }

        func sent() throws -> HTTPResponse? {
            var head: HTTPResponse?
            while let part = try channel.readOutbound(as: HTTPResponsePart.self) { if case .head(let found) = part { head = found } }
            return head
        }

        func wait(_ time: TimeAmount) { loop.advanceTime(by: time) }

        /// Parts that reached whoever answers.
        func arrived() throws -> Int {
            var parts = 0
            while try channel.readInbound(as: HTTPRequestPart.self) != nil { parts += 1 }
            return parts
        }
    }

    private static func connections(total: Int = 100, perClient: Int = 100) -> ClientConnections {
        ClientConnections(
            limits: ConnectionLimits(descriptors: 10_000, kept: 0, total: total, perClient: perClient),
            timeouts: ConnectionTimeouts(idle: .seconds(120), largestBody: 1 << 20), addresses: ClientAddresses(trustedProxies: []))
    }

    // MARK: a reply before the request's end

    @Test func whatIsStillComingIsThrownAwayAndThenTheConnectionCloses() throws {
        let connection = try Connection()
        try connection.head()
        try connection.body(1000)
        _ = try connection.arrived()
        #expect(try connection.reply(.conflict)?.headerFields[.connection] == "close")
        for _ in 0..<40 { try connection.body(1 << 20) }
        #expect(try connection.isOpen && connection.arrived() == 0, "nobody has to take it")
        try connection.end()
        #expect(!connection.isOpen)
    }

    @Test func noMoreThanTheBoundIsReadOfIt() throws {
        let connection = try Connection()
        try connection.head()
        _ = try connection.reply(.conflict)
        for _ in 0..<64 { try connection.body(1 << 20) }
        #expect(connection.isOpen)
        try? connection.body(1)
        #expect(!connection.isOpen)
    }

    @Test func andNotForLongerThanTheBound() throws {
        let connection = try Connection()
        try connection.head()
        _ = try connection.reply(.unprocessableContent)
        connection.wait(.seconds(29))
        try connection.body(1)
        #expect(connection.isOpen)
        connection.wait(.seconds(1))
        #expect(!connection.isOpen)
    }

    @Test func aReplyAfterTheRequestsEndKeepsTheConnection() throws {
        let connection = try Connection()
        for _ in 0..<3 {
            try connection.head()
            try connection.body(10)
            try connection.end()
            #expect(try connection.reply(.conflict)?.headerFields[.connection] == nil)
        }
        #expect(try connection.isOpen && connection.arrived() == 9)
    }

    @Test func aBodyThatEndsBetweenHeadAndEndOfItsReplyIsLeftAtThat() throws {
        let connection = try Connection()
        try connection.head()
        connection.channel.writeAndFlush(HTTPResponsePart.head(.init(status: .conflict)), promise: nil)
        try connection.end()
        connection.channel.writeAndFlush(HTTPResponsePart.end(nil), promise: nil)
        #expect(try connection.sent()?.headerFields[.connection] == "close")
        connection.loop.run()
        #expect(!connection.isOpen)
    }

    @Test func theNextRequestsBodyIsNoReasonToEndWithThisReply() throws {
        let connection = try Connection()
        try connection.head(.get)
        try connection.end()
        try connection.head()
        #expect(try connection.reply()?.headerFields[.connection] == nil)
        #expect(try connection.reply(.conflict)?.headerFields[.connection] == "close")
        #expect(connection.isOpen)
    }

    /// Takes what is written, and lets nothing of it leave.
    private final class Stuck: ChannelOutboundHandler {
        typealias OutboundIn = HTTPResponsePart
        var closing: EventLoopPromise<Void>?
        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            if mode == .output { closing = promise } else { context.close(mode: mode, promise: promise) }
        }
    }

    @Test func aReplyThatIsStillLeavingIsNotCut() throws {
        let connection = try Connection(), stuck = Stuck()
        try connection.channel.pipeline.syncOperations.addHandler(stuck, position: .first)
        try connection.head(.get)
        try connection.end()
        _ = try connection.reply()
        connection.channel.close(mode: .output, promise: nil)
        connection.wait(.hours(1))
        #expect(connection.isOpen)
        stuck.closing?.succeed()
        connection.loop.run()
        #expect(!connection.isOpen)
    }

    // MARK: the last request, and what is none

    @Test func theReplyToTheLastRequestSaysThatItIsTheLast() throws {
        let connection = try Connection()
        try connection.head(.get)
        try connection.end()
        try connection.head(.get, isLast: true)
        try connection.end()
        #expect(try connection.reply()?.headerFields[.connection] == nil)
        #expect(try connection.reply()?.headerFields[.connection] == "close")
    }

    @Test func whatIsNoRequestIsToldSoAfterTheRepliesBeforeIt() throws {
        let connection = try Connection()
        try connection.head(.get)
        try connection.end()
        connection.channel.pipeline.fireErrorCaught(HTTPParserError.invalidMethod)
        connection.channel.pipeline.fireErrorCaught(HTTPParserError.invalidHeaderToken)
        #expect(try connection.sent() == nil)
        connection.channel.write(HTTPResponsePart.head(.init(status: .ok)), promise: nil)
        connection.channel.writeAndFlush(HTTPResponsePart.end(nil), promise: nil)
        var heads: [HTTPResponse] = []
        while let part = try connection.channel.readOutbound(as: HTTPResponsePart.self) { if case .head(let head) = part { heads.append(head) } }
        #expect(heads.map(\.status) == [.ok, .methodNotAllowed] && heads.last?.headerFields[.connection] == "close")
        #expect(connection.errors.caught.isEmpty && connection.isOpen, "it is given time to read that")
        connection.wait(.seconds(2))
        #expect(!connection.isOpen)
    }

    @Test func whatFollowsTheLastRequestIsThrownAway() throws {
        let connection = try Connection()
        try connection.head(.get, isLast: true)
        try connection.end()
        connection.channel.pipeline.fireErrorCaught(HTTPParserError.invalidMethod)
        #expect(try connection.reply()?.status == .ok)
        #expect(try connection.sent() == nil)
    }

    @Test func aClientThatWaitsIsAskedForItsBodyOnlyWhileItIsWanted() throws {
        let connection = try Connection()
        func ask() throws -> HTTPResponse.Status? {
            connection.channel.pipeline.triggerUserOutboundEvent(ClientConnectionHandler.AskForBody(), promise: nil)
            return try connection.sent()?.status
        }
        try connection.head()
        #expect(try ask() == .continue)
        try connection.body(1)
        #expect(try ask() == nil, "it is being sent already")
        try connection.end()
        #expect(try ask() == nil)
        #expect(try connection.reply()?.headerFields[.connection] == nil)
        try connection.head()
        _ = try connection.reply(.unauthorized)
        #expect(try ask() == nil, "it has been refused")
    }

    // MARK: slow clients

    @Test func withoutARequestItEnds() throws {
        let connection = try Connection()
        connection.wait(.seconds(29))
        #expect(connection.isOpen)
        connection.wait(.seconds(1))
        #expect(!connection.isOpen)
    }

    @Test func afterAReplyTheNextRequestHasMoreTime() throws {
        let connection = try Connection()
        for _ in 0..<5 {
            try connection.head(.get)
            try connection.end()
            _ = try connection.reply()
            connection.wait(.seconds(119))
        }
        #expect(connection.isOpen)
        connection.wait(.seconds(1))
        #expect(!connection.isOpen)
    }

    @Test func anAnswerMayTakeAsLongAsItNeeds() throws {
        let connection = try Connection()
        try connection.head(.get)
        try connection.end()
        connection.wait(.hours(2))
        #expect(connection.isOpen)
        _ = try connection.reply()
        connection.wait(.seconds(119))
        #expect(connection.isOpen)
        connection.wait(.seconds(1))
        #expect(!connection.isOpen)
    }

    @Test func aBodyThatTricklesIsGivenUpWithAReply() throws {
        let connection = try Connection()
        try connection.head()
        for _ in 0..<29 {
            connection.wait(.seconds(1))
            try connection.body(1)
        }
        #expect(connection.errors.caught.isEmpty)
        connection.wait(.seconds(1))
        #expect(connection.errors.caught.map { $0 as? RequestBodyError } == [.tooSlow])
        #expect(connection.isOpen, "it is told why")
        #expect(try connection.reply(.requestTimeout)?.headerFields[.connection] == "close")
        connection.wait(.seconds(2))
        #expect(!connection.isOpen)
    }

    @Test func aBodyThatComesAtAFairRateHasAllTheTimeItNeeds() throws {
        let connection = try Connection()
        try connection.head()
        for _ in 0..<600 {
            connection.wait(.seconds(1))
            try connection.body(600)
        }
        #expect(connection.errors.caught.isEmpty && connection.isOpen)
        try connection.end()
        #expect(try connection.reply()?.headerFields[.connection] == nil)
    }

    @Test func theTimeTheServerItselfTakesIsNotTheClients() throws {
        let connection = try Connection()
        try connection.head()
        try connection.body(1, reads: false)
        connection.wait(.hours(1))
        connection.channel.read()
        connection.wait(.seconds(29))
        #expect(connection.errors.caught.isEmpty)
        connection.wait(.seconds(31))
        #expect(connection.errors.caught.map { $0 as? RequestBodyError } == [.tooSlow])
    }

    @Test func aCutBodyIsNoWholeBody() throws {
        let connection = try Connection()
        try connection.head()
        try connection.body(10)
        try connection.channel.close().wait()
        #expect(connection.errors.caught.map { $0 as? RequestBodyError } == [.cut])
    }

    // MARK: too many

    @Test func theLongestIdleMakesRoom() throws {
        let connections = Self.connections(total: 8, perClient: 8)
        var open = try (0..<8).map { try Connection(connections, after: .seconds(Int64($0))) }
        // The first has a request, so it is not the one to go.
        try open[0].head()
        open.append(try Connection(connections, after: .seconds(8)))
        #expect(open.map(\.isOpen) == [true, false] + Array(repeating: true, count: 7))
        #expect(connections.count == 8)
    }

    @Test func whereEveryConnectionHasARequestTheNextIsToldSo() throws {
        let connections = Self.connections(total: 8, perClient: 8)
        let busy = try (0..<8).map { _ in try Connection(connections) }
        for connection in busy { try connection.head(.get) }
        let refused = try Connection(connections)
        let reply = try #require(try refused.sent())
        #expect(reply.status == .serviceUnavailable && reply.headerFields[.connection] == "close" && reply.headerFields[.retryAfter] == "2")
        try refused.head(.get)
        #expect(try refused.isOpen && refused.arrived() == 0)
        try refused.end()
        #expect(!refused.isOpen && busy.allSatisfy(\.isOpen))
        // Others that send nothing stay for two seconds at most, and no more than 32 of them.
        let more = try (0..<40).map { _ in try Connection(connections) }
        #expect(more.count(where: \.isOpen) == 32)
        for connection in more { connection.wait(.seconds(2)) }
        #expect(!more.contains(where: \.isOpen) && connections.count == 8)
        // A place that is free again is taken again.
        try busy[3].channel.close().wait()
        #expect(try Connection(connections).isOpen && connections.count == 8)
    }

    @Test func oneClientHasOnlyItsShare() throws {
        let connections = Self.connections(total: 64, perClient: 4)
        let busy = try (0..<4).map { _ in try Connection(connections) }
        for connection in busy { try connection.head(.get) }
        #expect(try Connection(connections).sent()?.status == .serviceUnavailable)
        #expect(connections.count == 4)
    }

    @Test func theLimitsLeaveFilesForTheRest() {
        let few = ConnectionLimits(descriptors: 256, kept: 0, total: 0, perClient: 0)
        #expect(few.total == 80 && few.perClient == 20)
        #expect(
            ConnectionLimits(descriptors: 1024, kept: 11, total: 5000, perClient: 600) == .init(descriptors: 1024, kept: 11, total: 0, perClient: 600)
        )
        #expect(ConnectionLimits(descriptors: 1 << 20, kept: 0, total: 0, perClient: 0).total == 10_000)
        #expect(ConnectionLimits(descriptors: 10, kept: 0, total: 0, perClient: 0).total == 8)
    }
}
