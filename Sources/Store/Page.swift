import Foundation

/// One page of a list, newest first, with an opaque cursor to the next.
public struct Page<Item: Sendable & Encodable>: Sendable, Encodable {
    public var items: [Item]
    public var nextCursor: String?

    public init(items: [Item], nextCursor: String?) {
        self.items = items
        self.nextCursor = nextCursor
    }
}

/// Which page: `limit` 1…100 rows after `cursor`.
public struct PageRequest: Sendable {
    public var limit: Int
    var after: String?

    /// - Returns: nil when the cursor is not one of ours.
    public init?(limit: Int = 50, cursor: String? = nil) {
        self.limit = min(max(limit, 1), 100)
        if let cursor {
            guard let data = Data(base64URL: cursor) else { return nil }
            after = String(decoding: data, as: UTF8.self)
        }
    }

    public static var first: PageRequest { PageRequest()! }
    /// Every row there is; for use inside, never for a reply.
    public static var all: PageRequest {
        var request = PageRequest()!
        request.limit = .max - 1
        return request
    }

    /// Newest first by id; ids are ordered by time of creation.
    func page<Item>(_ connection: any Connection, from table: String, where condition: String, _ parameters: [SQLValue], decode: (Row) throws -> Item)
        throws -> Page<Item> where Item: Identifiable, Item.ID == String
    {
        var sql = "SELECT * FROM \(table) WHERE \(condition)"
        var parameters = parameters
        if let after {
            parameters.append(.text(after))
            sql += " AND id < $\(parameters.count)"
        }
        parameters.append(SQLValue(limit + 1))
        sql += " ORDER BY id DESC LIMIT $\(parameters.count)"
        let rows = try connection.query(sql, parameters).map(decode)
        guard rows.count > limit else { return Page(items: rows, nextCursor: nil) }
        let items = Array(rows.prefix(limit))
        return Page(items: items, nextCursor: Data(items[limit - 1].id.utf8).base64URL)
    }
}
