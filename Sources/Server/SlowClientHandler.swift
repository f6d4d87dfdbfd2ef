import NIOCore

/// Closes the connection of a client that takes too little of its reply: what the server holds back for it holds up
/// whoever makes it, a vendor's stream or a local model.
///
/// A connection takes 64 KiB ahead of the client, and is told to write on once half of it has been taken: that has to
/// happen within `patience`.
final class SlowClientHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let patience: TimeAmount
    private var deadline: Scheduled<Void>?

    init(patience: TimeAmount) { self.patience = patience }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        deadline?.cancel()
        let channel = context.channel
        deadline = channel.isWritable ? nil : context.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
        context.fireChannelWritabilityChanged()
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }
}
