import Hummingbird
import Providers

/// Turns what was thrown into the API's error reply; `/v1` gets OpenAI's form.
struct ErrorMiddleware: RouterMiddleware {
    func handle(_ request: Request, context: AppContext, next: (Request, AppContext) async throws -> Response) async throws -> Response {
        do {
            return try await next(request, context)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            let failure = APIError(error)
            if failure.status.code >= 500, failure.code == "internal" {
                context.logger.error(
                    "request failed",
                    metadata: ["method": "\(request.method)", "path": "\(request.uri.path)", "error": "\(Redaction.redact("\(error)", key: nil))"])
            }
            return request.uri.path.hasPrefix("/v1/") ? OpenAIErrors.response(failure) : failure.response()
        }
    }
}

/// Headers every reply carries.
struct SecurityHeaders: RouterMiddleware {
    func handle(_ request: Request, context: AppContext, next: (Request, AppContext) async throws -> Response) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
        response.headers[.init("Referrer-Policy")!] = "no-referrer"
        return response
    }
}
