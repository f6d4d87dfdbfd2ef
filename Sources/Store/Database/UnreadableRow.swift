import Foundation
import Synchronization

/// A stored row that cannot be read: null or text where a number belongs, JSON that is none or is something else. Another program has
/// written it, or a disk has. Lists leave it out and tell of it, sums skip it, and whoever writes or deletes the row mends it.
public struct UnreadableRow: Error, Sendable, Equatable, Encodable, CustomStringConvertible {
    public var id: String
    /// The column, and within JSON the place.
    public var column: String
    /// What is wrong with it, without what stands there.
    public var problem: String

    enum CodingKeys: CodingKey { case id, column, problem }

    /// The column's name alone.
    var name: String { String(column.prefix { $0 != "." }) }

    public var description: String { "\(column) \(problem)" }
}

/// Tells the operator of rows that cannot be read: of each the first time that this process meets it.
public enum UnreadableRows {
    private struct State {
        var met: Set<String> = []
        var observers: [@Sendable (UnreadableRow) -> Void] = []
    }

    private static let state = Mutex(State())
    /// Rows that are remembered: a table full of them does not fill the memory, or the log.
    private static let most = 1000

    /// - Parameter observer: must not block.
    public static func observe(_ observer: @escaping @Sendable (UnreadableRow) -> Void) { state.withLock { $0.observers.append(observer) } }

    static func note(_ row: UnreadableRow) {
        let observers = state.withLock { state in
            guard state.met.count < most, state.met.insert("\(row.id) \(row.column)").inserted else {
                return [] as [@Sendable (UnreadableRow) -> Void]
            }
            return state.observers
        }
        for observer in observers { observer(row) }
    }
}

extension Sequence<Row> {
    /// Those that can be read.
    func readable<T>(_ decode: (Row) throws -> T) rethrows -> [T] {
        try compactMap { row in do { return try decode(row) } catch is UnreadableRow { return nil } }
    }
}

extension Row {
    /// Reads the row; a column that cannot be read is taken for its stand-in, if it has one.
    /// - Returns: with the columns that were replaced.
    func mended<T>(_ standIns: [String: SQLValue], _ decode: (Row) throws -> T) throws -> (value: T, replaced: [String: SQLValue]) {
        var row = self
        var replaced: [String: SQLValue] = [:]
        while true {
            do { return (try decode(row), replaced) } catch let bad as UnreadableRow {
                guard bad.id == row.id, replaced[bad.name] == nil, let value = standIns[bad.name] else { throw bad }
                replaced[bad.name] = value
                row = row.replacing(bad.name, with: value)
            }
        }
    }
}

extension UserStore {
    /// Reads a row that its user is about to write anew, and writes the stand-ins of columns that cannot be read and are not the
    /// user's to write.
    func mend<T>(
        _ connection: any Connection, _ table: String, _ id: String, what: String, _ standIns: [String: SQLValue], _ decode: (Row) throws -> T
    ) throws -> T {
        let (value, replaced) = try row(connection, table, id, what: what).mended(standIns, decode)
        guard !replaced.isEmpty else { return value }
        let columns = replaced.sorted { $0.key < $1.key }
        let assignments = columns.enumerated().map { "\($1.key) = $\($0 + 3)" }.joined(separator: ", ")
        try connection.query("UPDATE \(table) SET \(assignments) WHERE id = $1 AND user_id = $2", [.text(id), user] + columns.map(\.value))
        return value
    }
}
