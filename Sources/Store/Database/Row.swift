import Domain
import Foundation

/// One result row. Reading a column that is absent or of another type throws; it never guesses. Of a column that holds something else
/// it is an ``UnreadableRow``.
public struct Row: Sendable {
    private let values: [String: SQLValue]

    public init(_ values: [String: SQLValue]) { self.values = values }

    public func value(_ column: String) throws -> SQLValue {
        guard let value = values[column] else { throw DatabaseError.missingColumn(column) }
        return value
    }

    /// The row's own name, for messages; that of what it is part of where it has none.
    var id: String {
        for column in ["id", "job_id", "dataset_id", "name"] { if case .text(let id)? = values[column] { return id } }
        return "unknown"
    }

    func replacing(_ column: String, with value: SQLValue) -> Row { Row(values.merging([column: value]) { $1 }) }

    public func text(_ column: String) throws -> String {
        guard let text = try optionalText(column) else { throw unreadable(column, "is null where text belongs") }
        return text
    }

    public func optionalText(_ column: String) throws -> String? {
        switch try value(column) {
        case .text(let text): return text
        case .null: return nil
        default: throw unreadable(column, "is a number where text belongs")
        }
    }

    public func int(_ column: String) throws -> Int {
        guard let int = try optionalInt(column) else { throw unreadable(column, "is null where a whole number belongs") }
        return int
    }

    public func optionalInt(_ column: String) throws -> Int? {
        switch try value(column) {
        case .integer(let integer): return Int(integer)
        case .null: return nil
        case .real: throw unreadable(column, "is no whole number")
        case .text: throw unreadable(column, "is text where a whole number belongs")
        }
    }

    /// A size or a number of things: from 0 to 2^50, whatever was written. Sums and products of some of them are numbers.
    public func count(_ column: String) throws -> Int { min(max(0, try int(column)), 1 << 50) }

    public func double(_ column: String) throws -> Double {
        guard let double = try optionalDouble(column) else { throw unreadable(column, "is null where a number belongs") }
        return double
    }

    public func optionalDouble(_ column: String) throws -> Double? {
        switch try value(column) {
        case .real(let real): return real
        case .integer(let integer): return Double(integer)
        case .null: return nil
        case .text: throw unreadable(column, "is text where a number belongs")
        }
    }

    public func bool(_ column: String) throws -> Bool { try int(column) != 0 }

    public func date(_ column: String) throws -> Date { Date(milliseconds: Int64(try int(column))) }

    public func optionalDate(_ column: String) throws -> Date? {
        try optionalInt(column).map { Date(milliseconds: Int64($0)) }
    }

    public func json<T: Decodable>(_ column: String, as type: T.Type = T.self) throws -> T { try decode(column, try text(column)) }

    public func optionalJSON<T: Decodable>(_ column: String, as type: T.Type = T.self) throws -> T? {
        try optionalText(column).map { try decode(column, $0) }
    }

    /// JSON that is kept as its text; it is one.
    /// - Parameter isObject: whether it is an object.
    public func jsonText(_ column: String, isObject: Bool = true) throws -> String {
        let text = try text(column)
        guard let value = try? JSONValue(parsing: text) else { throw unreadable(column, "is no JSON that can be read") }
        guard !isObject || value.objectValue != nil else { throw unreadable(column, "is no JSON object") }
        return text
    }

    private func decode<T: Decodable>(_ column: String, _ text: String) throws -> T {
        do { return try JSONDecoder().decode(T.self, from: Data(text.utf8)) } catch {
            // Foundation throws errors of its own for numbers that no type holds.
            let (path, problem) = (error as? DecodingError)?.shortly ?? ([], "is no JSON that can be read")
            throw unreadable(([column] + path).joined(separator: "."), problem)
        }
    }

    func unreadable(_ column: String, _ problem: String) -> UnreadableRow {
        let row = UnreadableRow(id: id, column: column, problem: problem)
        UnreadableRows.note(row)
        return row
    }
}

extension DecodingError {
    /// Where and what, without the value: it may be a secret, and it may be long.
    fileprivate var shortly: (path: [String], problem: String) {
        func place(_ context: Context, _ last: (any CodingKey)? = nil) -> [String] {
            (context.codingPath + (last.map { [$0] } ?? [])).map { String($0.stringValue.prefix(60)) }
        }
        switch self {
        case .keyNotFound(let key, let context): return (place(context, key), "is missing")
        case .valueNotFound(_, let context): return (place(context), "is null")
        case .typeMismatch(let type, let context): return (place(context), "is not of type \(type)")
        case .dataCorrupted(let context): return (place(context), context.codingPath.isEmpty ? "is no JSON" : "is none of the known values")
        @unknown default: return ([], "cannot be read")
        }
    }
}
