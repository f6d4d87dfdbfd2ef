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

    static func response(_ write: @Sendable @escaping (inout any ResponseBodyWriter) async throws -> Void) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", .init("X-Accel-Buffering")!: "no"],
            body: ResponseBody { writer in
                try await write(&writer)
                try await writer.finish(nil)
            })
    }
}
