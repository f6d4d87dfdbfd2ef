import Calls
import Crypto
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import Store
import Training

extension HTTPField.Name {
    static var idempotencyKey: Self { .init("Idempotency-Key")! }
}

/// Runs a create once for each `Idempotency-Key`: the same request again gets the first one's reply. While it runs the key
/// is leased to this process; one whose process is gone is answered `outcome_unknown`, and never run a second time.
enum Idempotent {
    /// - Parameter fingerprint: what, beside method and path, must be equal for it to be the same request.
    static func create(_ request: Request, fingerprint: String, rows: UserStore, _ body: () async throws -> some Encodable) async throws -> Response {
        guard let key = request.headers[.idempotencyKey] else { return .json(try await body(), status: .created) }
        return try await create(request, key: key, fingerprint: fingerprint, upload: nil, rows: rows, body)
    }

    /// For a request whose body is a file: the same request has the same content too.
    /// - Parameter limit: the most bytes of the file.
    /// - Throws: beside what `body` throws, ``UploadTooLarge``.
    static func upload(
        _ request: Request, fingerprint: String, upTo limit: Int, rows: UserStore, _ body: (UploadBody) async throws -> some Encodable
    ) async throws -> Response {
        guard let key = request.headers[.idempotencyKey] else { return .json(try await body(request.upload(upTo: limit)), status: .created) }
        let digest = UploadDigest()
        let bytes = try request.upload(upTo: limit, digest)
        return try await create(request, key: key, fingerprint: fingerprint, upload: (bytes, digest, limit), rows: rows) { try await body(bytes) }
    }

    /// - Parameter upload: the file, what knows its content when it has been read, and the most bytes of it.
    private static func create(
        _ request: Request, key: String, fingerprint: String, upload: (bytes: UploadBody, digest: UploadDigest, limit: Int)?, rows: UserStore,
        _ body: () async throws -> some Encodable
    ) async throws -> Response {
        guard (1...200).contains(key.unicodeScalars.count) else { throw APIError.badRequest("Idempotency-Key must have 1 to 200 characters") }
        let hash = SHA256.hash(data: Data("\(request.method) \(request.uri.path) \(fingerprint)".utf8)).hex
        let lease = IdempotencyLease(owner: WorkerIdentity.current.name)
        let earlier = try await rows.beginIdempotent(
            key: key, requestHash: hash, lease: lease, isAlive: { WorkerIdentity.current.isAlive($0) })
        if let earlier {
            var wanted = hash
            // A file's content is known once it has been read, and so noted with the first one's answer.
            if let upload, earlier.status != nil, earlier.requestHash.hasPrefix("\(hash) ") {
                var count = 0
                for try await part in upload.bytes {
                    count += part.count
                    if count > upload.limit { throw UploadTooLarge(limit: upload.limit) }
                }
                wanted = Self.hash(hash, upload.digest)
            }
            return try replay(earlier, hash: wanted)
        }
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
                key: key, owner: lease.owner, requestHash: Self.hash(hash, upload?.digest), status: HTTPResponse.Status.created.code,
                body: String(decoding: data, as: UTF8.self))
        }.value
        return .json(data: data, status: .created)
    }

    private static func hash(_ request: String, _ upload: UploadDigest?) -> String { upload?.value.map { "\(request) \($0)" } ?? request }

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
