import HTTPTypes
import Hummingbird
import Synchronization

/// Which methods a path has, for whoever asks with another. Looked at only where no route was found.
final class RouteMethods: Sendable {
    private let routes = Mutex<[[Substring]: Set<String>]>([:])

    /// The router's middleware is made before its routes are.
    func set(_ descriptions: [Hummingbird.Router<AppContext>.RouteDescription]) {
        routes.withLock { routes in
            for route in descriptions { routes["\(route.path)".split(separator: "/"), default: []].insert(route.method.rawValue) }
        }
    }

    /// In the order of the alphabet; empty where nothing has the path.
    func methods(of path: String) -> [String] {
        let path = path.split(separator: "/")
        // As the router has it: where two templates match, the one whose words are named first.
        let found = routes.withLock { $0.filter { Self.matches($0.key, path) } }
            .min { a, b in a.key.map { $0.hasPrefix("{") ? 1 : 0 }.lexicographicallyPrecedes(b.key.map { $0.hasPrefix("{") ? 1 : 0 }) }
        return found?.value.sorted() ?? []
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
