import Hummingbird
import NIOCore

/// Refuses requests that are not as HTTP asks or were meant for another host, and finds out whom the others came from.
struct AdmissionMiddleware: RouterMiddleware {
    let hosts: HostPolicy
    let clients: ClientAddresses

    func handle(_ request: Request, context: AppContext, next: (Request, AppContext) async throws -> Response) async throws -> Response {
        try MessageRules.check(request)
        guard hosts.allows(request.head.authority) else { throw APIError.wrongHost }
        let request = try MessageRules.heedingExpectation(request, context.channel)
        if request.uri.path.hasPrefix("/v1/") { return try await next(request, context) }
        var context = context
        context.client = clients.client(peer: context.channel.remoteAddress.flatMap(NetworkAddress.init), headers: request.headers)
        return try await next(request, context)
    }
}

extension APIError {
    /// The name that was asked for is not repeated: it is somebody else's text.
    static let wrongHost = APIError(
        status: .misdirectedRequest, code: "wrong_host", message: "this server does not answer to the host name of the request",
        details: [.init(field: "Host", hint: "use the server's own address, or ask the operator to add the name to ATELIER_ALLOWED_HOSTS")])
}
