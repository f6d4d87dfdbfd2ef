import HTTPTypes
import Hummingbird
import Synchronization

/// Which methods a path has, for whoever asks with another. Looked at only where no route was found.
final class RouteMethods: Sendable {
    private let routes = Mutex<[(path: [Substring], method: HTTPRequest.Method)]>([])

    /// The router's middleware is made before its routes are.
    func set(_ descriptions: [Hummingbird.Router<AppContext>.RouteDescription]) {
        routes.withLock { $0 = descriptions.map { ("\($0.path)".split(separator: "/"), $0.method) } }
    }

    /// In the order of the alphabet; empty where nothing has the path.
    func methods(of path: String) -> [String] {
        let path = path.split(separator: "/")
        return Set(routes.withLock { $0.filter { Self.matches($0.path, path) } }.map(\.method.rawValue)).sorted()
    }

    private static func matches(_ template: [Substring], _ path: [Substring]) -> Bool {
        if template.last == "**" {
            return path.count >= template.count && matches(Array(template.dropLast()), Array(path.prefix(template.count - 1)))
        }
        return template.count == path.count && zip(template, path).allSatisfy { $0 == $1 || $0.hasPrefix("{") }
    }
}

extension APIError {
    /// - Parameter allowed: the methods that the path has.
    static func methodNotAllowed(_ allowed: [String]) -> APIError {
        var refusal = APIError(
            status: .methodNotAllowed, code: "method_not_allowed", message: "this path takes \(allowed.joined(separator: ", ")) only")
        refusal.headers = [("Allow", allowed.joined(separator: ", "))]
        return refusal
    }
}
