import Foundation

/// One page of a list, newest first, with an opaque cursor to the next.
public struct Page<Item: Sendable & Encodable>: Sendable, Encodable {
    public var items: [Item]
    public var nextCursor: String?
    /// Rows of the page that cannot be read, and why; absent where there is none.
    public var unreadable: [UnreadableRow]?

    public init(items: [Item], nextCursor: String?, unreadable: [UnreadableRow]? = nil) {
        self.items = items
        self.nextCursor = nextCursor
        self.unreadable = unreadable
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
        throws -> Page<Item>
    {
        var sql = "SELECT * FROM \(table) WHERE \(condition)"
        var parameters = parameters
        if let after {
            parameters.append(.text(after))
            sql += " AND id < $\(parameters.count)"
        }
        parameters.append(SQLValue(limit + 1))
        sql += " ORDER BY id DESC LIMIT $\(parameters.count)"
        let rows = try connection.query(sql, parameters)
        var unreadable: [UnreadableRow] = []
        let items: [Item] = try rows.prefix(limit).compactMap { row in
            do { return try decode(row) } catch let bad as UnreadableRow {
                unreadable.append(bad)
                return nil
            }
        }
        return Page(
            items: items, nextCursor: rows.count > limit ? Data(rows[limit - 1].id.utf8).base64URL : nil,
            unreadable: unreadable.isEmpty ? nil : unreadable)
    }
}
