import NIOCore
import NIOHTTP1

/// A vendor's reply that has been read to its end.
struct WholeReply: Sendable {
    var status: Int
    var headers: Headers
    var body: ByteBuffer

    /// The header fields as they came; the few that are asked for are looked up, none is copied.
    struct Headers: Sendable {
        let fields: HTTPHeaders

        var mediaType: String? {
            guard let type = fields.first(name: "content-type") else { return nil }
            if type == "application/json" { return type }
            return String(type.prefix { $0 != ";" }).filter { !$0.isWhitespace }.lowercased()
        }
    }
}
