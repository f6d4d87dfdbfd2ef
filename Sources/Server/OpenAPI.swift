import Foundation
import Yams

/// The API's description: written as YAML, embedded in the program, served as JSON.
enum OpenAPI {
    static func json() throws -> Data {
        let document = try Yams.load(yaml: String(decoding: PackageResources.openapi_yaml, as: UTF8.self))
        return try JSONSerialization.data(withJSONObject: document ?? [:], options: [.sortedKeys, .withoutEscapingSlashes])
    }
}
