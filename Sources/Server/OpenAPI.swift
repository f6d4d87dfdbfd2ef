import Foundation
import Yams

/// The API's description: written as YAML, embedded in the program, served as JSON.
struct OpenAPI {
    private let document: [String: Any]

    init() throws {
        document = try Yams.load(yaml: String(decoding: PackageResources.openapi_yaml, as: UTF8.self)) as? [String: Any] ?? [:]
    }

    func json() throws -> Data { try JSONSerialization.data(withJSONObject: document, options: [.sortedKeys, .withoutEscapingSlashes]) }

    /// The names that each operation takes in its query, by method and path: `GET /api/me/sessions`. Empty for one that takes none.
    func queryParameters() -> [String: Set<String>] {
        let shared = (document["components"] as? [String: Any])?["parameters"] as? [String: Any] ?? [:]
        /// The names among `parameters`, of a path or of an operation.
        func names(_ owner: [String: Any]) -> Set<String> {
            let parameters = (owner["parameters"] as? [[String: Any]] ?? []).compactMap { parameter in
                guard let reference = parameter["$ref"] as? String else { return parameter }
                return shared[String(reference.split(separator: "/").last ?? "")] as? [String: Any]
            }
            return Set(parameters.filter { $0["in"] as? String == "query" }.compactMap { $0["name"] as? String })
        }
        var found: [String: Set<String>] = [:]
        for (path, item) in document["paths"] as? [String: [String: Any]] ?? [:] {
            for (method, operation) in item {
                if let operation = operation as? [String: Any] { found["\(method.uppercased()) \(path)"] = names(item).union(names(operation)) }
            }
        }
        return found
    }
}
