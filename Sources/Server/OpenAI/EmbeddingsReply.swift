import Calls
import Foundation
import NIOCore

/// Writes OpenAI's list of embeddings.
enum EmbeddingsReply {
    static func bytes(_ reply: TextEmbedding.Reply, model: String, base64: Bool) -> ByteBuffer {
        var json = JSONBytes(capacity: 256 + reply.vectors.reduce(0) { $0 + $1.count * (base64 ? 6 : 12) + 64 })
        json.raw(#"{"object":"list","model":"#)
        json.string(model)
        json.raw(#","data":["#)
        for (index, vector) in reply.vectors.enumerated() {
            if index > 0 { json.raw(",") }
            json.raw(#"{"object":"embedding","index":"#)
            json.integer(index)
            json.raw(#","embedding":"#)
            if base64 {
                json.raw("\"")
                json.raw(Self.base64(vector))
                json.raw("\"")
            } else {
                json.raw("[")
                for (position, value) in vector.enumerated() {
                    if position > 0 { json.raw(",") }
                    // The shortest digits that give the same float back.
                    json.raw("\(value)")
                }
                json.raw("]")
            }
            json.raw("}")
        }
        json.raw(#"],"usage":{"prompt_tokens":"#)
        json.integer(reply.tokens)
        json.raw(#","total_tokens":"#)
        json.integer(reply.tokens)
        json.raw("}}")
        return json.buffer
    }

    private static func base64(_ vector: [Float]) -> String {
        var data = Data(capacity: vector.count * 4)
        for value in vector { withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) } }
        return data.base64EncodedString()
    }
}
