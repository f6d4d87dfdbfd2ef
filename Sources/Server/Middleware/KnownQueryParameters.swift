import Foundation
import Hummingbird

/// Refuses what an operation of `/api` does not take in its query: whoever mistypes `limit` would not get what they ask for, and not know.
/// The API's description says what it takes. A request without a query, and the vendors' endpoints, whose clients bring parameters of
/// their own, are not looked at.
struct KnownQueryParameters: RouterMiddleware {
    /// By method and path.
    let known: [String: Set<String>]

    func handle(_ request: Request, context: AppContext, next: (Request, AppContext) async throws -> Response) async throws -> Response {
        if request.uri.query != nil, request.uri.path.hasPrefix("/api/"), let path = context.endpointPath,
            let known = known["\(request.method) \(path)"]
        {
            // An empty one stands between two separators.
            let names = request.uri.queryParameters.map { String($0.key).removingPercentEncoding ?? String($0.key) }
            try Self.check(names.filter { !$0.isEmpty }, known)
        }
        return try await next(request, context)
    }

    /// - Throws: ``APIError`` that names every parameter that is not known, and those that are.
    static func check(_ names: [String], _ known: Set<String>) throws {
        let unknown = Set(names).subtracting(known).sorted()
        guard !unknown.isEmpty else { return }
        let hint = known.isEmpty ? "this path takes none" : "known: \(known.sorted().joined(separator: ", "))"
        throw APIError.invalid(unknown.map { .init(field: $0, code: "unknown_field", message: "is not a parameter here", hint: hint) })
    }
}
