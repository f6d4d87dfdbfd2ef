import Hummingbird
import Store

extension PageRequest {
    /// `?limit=&cursor=` of a list.
    static func from(_ request: Request) throws -> PageRequest {
        let limit = try request.integer("limit", 1...100, standard: 50)
        guard let page = PageRequest(limit: limit, cursor: request.uri.queryParameters["cursor"].map(String.init)) else {
            throw APIError.invalid([.init(field: "cursor", code: "invalid", message: "is not a cursor of this list")])
        }
        return page
    }
}
