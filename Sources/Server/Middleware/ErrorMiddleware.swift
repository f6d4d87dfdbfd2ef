import HTTPTypes
import Hummingbird
import Providers

/// Turns what was thrown into the API's error reply.
struct ErrorMiddleware: RouterMiddleware {
    let methods: RouteMethods

    func handle(_ request: Request, context: AppContext, next: (Request, AppContext) async throws -> Response) async throws -> Response {
        // Below `/v1` errors have the form of the vendor whose client asks, and replies its request id.
        let isVendors = request.uri.path.hasPrefix("/v1/")
        let isAnthropics = isVendors && AnthropicErrorReply.speaks(request)
        do {
            var response = try await next(request, context)
            if isVendors { response.headers[isAnthropics ? Self.anthropicID : Self.openAIID] = context.vendorRequestID }
            return response
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            var failure = isVendors ? APIError(gateway: error) : APIError(error)
            if context.endpointPath == "NotFound", failure.status == .notFound {
                let allowed = methods.methods(of: request.uri.path)
                if !allowed.isEmpty { failure = .methodNotAllowed(allowed) }
            }
            if failure.status.code >= 500, failure.code == "internal" {
                context.logger.error(
                    "request failed",
                    metadata: ["method": "\(request.method)", "path": "\(request.uri.path)", "error": "\(Redaction.redact("\(error)", key: nil))"])
            }
            var response: Response
            if isVendors {
                let id = context.vendorRequestID
                response = isAnthropics ? AnthropicErrorReply.response(failure, requestID: id) : OpenAIErrorReply.response(failure)
                response.headers[isAnthropics ? Self.anthropicID : Self.openAIID] = id
            } else {
                response = failure.response()
            }
            // A body after HEAD would be read as the connection's next reply.
            if request.method == .head { response.body = ResponseBody() }
            return response
        }
    }

    private static let anthropicID = HTTPField.Name("request-id")!
    private static let openAIID = HTTPField.Name("x-request-id")!
}

/// Headers every reply carries.
struct SecurityHeaders: RouterMiddleware {
    func handle(_ request: Request, context: AppContext, next: (Request, AppContext) async throws -> Response) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.xContentTypeOptions] = "nosniff"
        // The page's files bring their own.
        if response.headers[.contentSecurityPolicy] == nil {
            response.headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
        }
        response.headers[Self.referrerPolicy] = "no-referrer"
        return response
    }

    private static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
