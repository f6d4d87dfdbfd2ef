import Foundation
import HTTPTypes
import Hummingbird

/// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
enum ServerSentEvents {
    static func frame(id: String? = nil, event: String? = nil, data: String) -> ByteBuffer {
        var text = ""
        if let id { text += "id: \(id)\n" }
        if let event { text += "event: \(event)\n" }
        for line in data.split(separator: "\n", omittingEmptySubsequences: false) { text += "data: \(line)\n" }
        return ByteBuffer(string: text + "\n")
    }

    /// Keeps proxies and clients from giving up on a quiet stream.
    static let comment = ByteBuffer(string: ": still here\n\n")

    /// - Parameters:
    ///   - request: watched, so that `write` is cancelled when its client leaves, also while nothing is sent.
    static func response(to request: Request, _ write: @Sendable @escaping (inout any ResponseBodyWriter) async throws -> Void) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-store", .init("X-Accel-Buffering")!: "no",
                // Watching for the client's end uses the connection up; said here, or the client would send its next request into it.
                .connection: "close",
            ],
            body: ResponseBody { writer in
                let box = WriterBox(writer)
                try await request.body.consumeWithCancellationOnInboundClose { _ in
                    var writer = box.writer
                    try await write(&writer)
                    try await writer.finish(nil)
                }
            })
    }
}

/// Hands the one writer of a reply to the one closure that writes.
private struct WriterBox: @unchecked Sendable {
    let writer: any ResponseBodyWriter
    init(_ writer: any ResponseBodyWriter) { self.writer = writer }
}
