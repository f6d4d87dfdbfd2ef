import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import Pipeline
import Store

extension HTTPField.Name {
    static var idempotencyKey: Self { .init("Idempotency-Key")! }
}

/// Runs a create once for each `Idempotency-Key`: the same request again gets the first one's reply. While it runs the key
/// is leased to this process; one whose process is gone is answered `outcome_unknown`, and never run a second time.
enum Idempotent {
    /// - Parameter fingerprint: what, beside method and path, must be equal for it to be the same request.
    static func create(_ request: Request, fingerprint: String, rows: UserStore, _ body: () async throws -> some Encodable) async throws -> Response {
        guard let key = request.headers[.idempotencyKey] else { return .json(try await body(), status: .created) }
        guard (1...200).contains(key.count) else { throw APIError.badRequest("Idempotency-Key must have 1 to 200 characters") }
        let hash = SHA256.hash(data: Data("\(request.method) \(request.uri.path) \(fingerprint)".utf8)).map { String(format: "%02x", $0) }.joined()
        let lease = IdempotencyLease(owner: WorkerIdentity.current.name)
        let earlier = try await rows.beginIdempotent(
            key: key, requestHash: hash, lease: lease, isAlive: { WorkerIdentity.current.isAlive($0) })
        if let earlier { return try replay(earlier, hash: hash) }
        let heartbeat = Task {
            while true {
                try await Task.sleep(for: lease.duration / 4)
                // One that a database in trouble does not take is made up for by the next.
                try? await rows.renewIdempotent(key: key, lease: lease)
            }
        }
        defer { heartbeat.cancel() }
        let data: Data
        do { data = try JSONEncoder.api.encode(try await body()) } catch {
            // In a task of its own: a client that left has cancelled this one. Where the database does not take it, the lease runs out.
            await Task {
                if mayHaveSucceeded(error) {
                    try? await rows.abandonIdempotent(key: key, owner: lease.owner)
                } else {
                    try? await rows.freeIdempotent(key: key, owner: lease.owner)
                }
            }.value
            throw error
        }
        await Task {
            try? await rows.finishIdempotent(
                key: key, owner: lease.owner, status: HTTPResponse.Status.created.code, body: String(decoding: data, as: UTF8.self))
        }.value
        return .json(data: data, status: .created)
    }

    /// Whether what was to be made may be there in spite of the error.
    private static func mayHaveSucceeded(_ error: any Error) -> Bool {
        if case DatabaseError.unknownOutcome = error { return true }
        return error is CancellationError
    }

    private static func replay(_ earlier: IdempotencyRecord, hash: String) throws -> Response {
        guard earlier.requestHash == hash else {
            throw APIError(
                status: .unprocessableContent, code: "idempotency_key_reused", message: "this Idempotency-Key was used for another request")
        }
        if earlier.isAbandoned {
            throw APIError(
                status: .conflict, code: "outcome_unknown",
                message: "the first request with this Idempotency-Key was broken off before it was answered: it may or may not have been carried out",
                details: [.init(hint: "look whether what it was to make is there; if it is not, send the request with a new Idempotency-Key")])
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
