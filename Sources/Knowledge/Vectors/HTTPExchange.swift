import Foundation

/// One request to a vector server and its answer, by whatever HTTP client the caller has. The address, a
/// token and time limits are its own.
public protocol HTTPExchange: Sendable {
    /// - Parameters:
    ///   - path: from the server's root, `/api/v2/…`, percent-encoded.
    ///   - body: JSON, or nil for none.
    /// - Throws: what keeps it from an answer; a status of whatever kind is an answer.
    func send(method: String, path: String, body: Data?) async throws -> (status: Int, body: Data)
}
