import Hummingbird

/// Requests of the gateway stay on their event loop; they only wait and pass on. All others, which may
/// read large files and compute, leave it for the pool of threads that is made for that.
struct ExecutorMiddleware: RouterMiddleware {
    func handle(_ request: Request, context: AppContext, next: (Request, AppContext) async throws -> Response) async throws -> Response {
        if request.uri.path.hasPrefix("/v1/") { return try await next(request, context) }
        return try await withTaskExecutorPreference(globalConcurrentExecutor) { try await next(request, context) }
    }
}
