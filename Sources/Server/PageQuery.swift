import Hummingbird
import Store

extension PageRequest {
    /// `?limit=&cursor=` of a list.
    static func from(_ request: Request) throws -> PageRequest {
        let query = request.uri.queryParameters
        var limit = 50
        if let text = query["limit"] {
            guard let number = Int(text), (1...100).contains(number) else {
                throw APIError.invalid([.init(field: "limit", code: "invalid", message: "must be a whole number from 1 to 100")])
            }
            limit = number
        }
        guard let page = PageRequest(limit: limit, cursor: query["cursor"].map(String.init)) else {
            throw APIError.invalid([.init(field: "cursor", code: "invalid", message: "is not a cursor of this list")])
        }
        return page
    }
}
