import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import Store

extension HTTPField.Name {
    static var idempotencyKey: Self { .init("Idempotency-Key")! }
}

/// Runs a create once for each `Idempotency-Key`: the same request again gets the first one's reply.
enum Idempotent {
    /// - Parameter fingerprint: what, beside method and path, must be equal for it to be the same request.
    static func create(_ request: Request, fingerprint: String, rows: UserStore, _ body: () async throws -> some Encodable) async throws -> Response {
        guard let key = request.headers[.idempotencyKey] else { return .json(try await body(), status: .created) }
        guard (1...200).contains(key.count) else { throw APIError.badRequest("Idempotency-Key must have 1 to 200 characters") }
        let hash = SHA256.hash(data: Data("\(request.method) \(request.uri.path) \(fingerprint)".utf8)).map { String(format: "%02x", $0) }.joined()
        if let earlier = try await rows.beginIdempotent(key: key, requestHash: hash) { return try replay(earlier, hash: hash) }
        do {
            let data = try JSONEncoder.api.encode(try await body())
            try await rows.finishIdempotent(key: key, status: HTTPResponse.Status.created.code, body: String(decoding: data, as: UTF8.self))
            return .json(data: data, status: .created)
        } catch {
            try await rows.abandonIdempotent(key: key)
            throw error
        }
    }

    private static func replay(_ earlier: IdempotencyRecord, hash: String) throws -> Response {
        guard earlier.requestHash == hash else {
            throw APIError(
                status: .unprocessableContent, code: "idempotency_key_reused", message: "this Idempotency-Key was used for another request")
        }
        guard let status = earlier.status, let text = earlier.body else {
            throw APIError(
                status: .conflict, code: "in_progress", message: "the first request with this Idempotency-Key is still running", retryAfter: 1)
        }
        var response = Response.json(data: Data(text.utf8), status: .init(code: status))
        response.headers[.init("Idempotent-Replayed")!] = "true"
        return response
    }
}
