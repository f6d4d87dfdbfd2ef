import Foundation

/// One result row. Reading a column that is absent or of another type throws; it never guesses.
public struct Row: Sendable {
    private let values: [String: SQLValue]

    public init(_ values: [String: SQLValue]) { self.values = values }

    public func value(_ column: String) throws -> SQLValue {
        guard let value = values[column] else { throw DatabaseError.missingColumn(column) }
        return value
    }

    public func text(_ column: String) throws -> String {
        guard let text = try optionalText(column) else { throw DatabaseError.other("column \(column) is null") }
        return text
    }

    public func optionalText(_ column: String) throws -> String? {
        switch try value(column) {
        case .text(let text): return text
        case .null: return nil
        default: throw DatabaseError.other("column \(column) is not text")
        }
    }

    public func int(_ column: String) throws -> Int {
        guard let int = try optionalInt(column) else { throw DatabaseError.other("column \(column) is null") }
        return int
    }

    public func optionalInt(_ column: String) throws -> Int? {
        switch try value(column) {
        case .integer(let integer): return Int(integer)
        case .null: return nil
        default: throw DatabaseError.other("column \(column) is not an integer")
        }
    }

    /// A size or a number of things: from 0 to 2^50, whatever was written. Sums and products of some of them are numbers.
    public func count(_ column: String) throws -> Int { min(max(0, try int(column)), 1 << 50) }

    public func double(_ column: String) throws -> Double {
        guard let double = try optionalDouble(column) else { throw DatabaseError.other("column \(column) is null") }
        return double
    }

    public func optionalDouble(_ column: String) throws -> Double? {
        switch try value(column) {
        case .real(let real): return real
        case .integer(let integer): return Double(integer)
        case .null: return nil
        default: throw DatabaseError.other("column \(column) is not a number")
        }
    }

    public func bool(_ column: String) throws -> Bool { try int(column) != 0 }

    public func date(_ column: String) throws -> Date { Date(milliseconds: Int64(try int(column))) }

    public func optionalDate(_ column: String) throws -> Date? {
        try optionalInt(column).map { Date(milliseconds: Int64($0)) }
    }

    public func json<T: Decodable>(_ column: String, as type: T.Type = T.self) throws -> T {
        try JSONDecoder().decode(type, from: Data(try text(column).utf8))
    }
}
