import Calls
import HTTPTypes
import Hummingbird

/// Counts every request and how long it takes. The outermost middleware: it sees what the client gets.
struct TelemetryMiddleware: RouterMiddleware {
    let telemetry: Telemetry

    func handle(_ request: Request, context: AppContext, next: (Request, AppContext) async throws -> Response) async throws -> Response {
        let measured = telemetry.begin(traceparent: telemetry.isTracing ? request.headers[.traceParent] : nil)
        let method = request.method.rawValue
        var response: Response
        do {
            response = try await RequestTelemetry.$current.withValue(measured) { try await next(request, context) }
        } catch {
            // Nobody is left to send a reply to; 499 is what nginx calls that.
            let route = Self.route(context)
            measured.count(method: method, route: route, status: 499)
            measured.finish(method: method, route: route, status: 499, isStream: false)
            throw error
        }
        let (route, status) = (Self.route(context), response.status.code)
        measured.count(method: method, route: route, status: status)
        guard response.body.contentLength == nil else {
            measured.finish(method: method, route: route, status: status, isStream: false)
            return response
        }
        // A stream is made while it is written, which is after this function.
        let body = response.body
        response.body = ResponseBody { writer in
            defer { measured.finish(method: method, route: route, status: status, isStream: true) }
            try await RequestTelemetry.$current.withValue(measured) { try await body.write(writer) }
        }
        return response
    }

    /// The route's template, never the path itself, which has ids in it.
    private static func route(_ context: AppContext) -> String? {
        guard let path = context.endpointPath, path != "NotFound" else { return nil }
        return path
    }
}

extension HTTPField.Name {
    static var traceParent: Self { .init("traceparent")! }
}
