import Foundation
import Store

/// Where a test keeps its rows: a SQLite file of its own, or, where `ATELIER_TEST_DATABASE` is `postgres`, a schema of
/// its own on the server of `ATELIER_TEST_POSTGRES_URL`. So one suite is run on both.
public struct TestDatabase: Sendable {
    /// As in `ATELIER_DATABASE_URL`.
    public let url: String
    private let file: String

    public static var isPostgres: Bool { ProcessInfo.processInfo.environment["ATELIER_TEST_DATABASE"] == "postgres" }
    /// A real server; nil where none was started.
    public static var postgresURL: String? { ProcessInfo.processInfo.environment["ATELIER_TEST_POSTGRES_URL"] }

    /// - Parameter folder: of the test; it holds the file.
    public init(in folder: URL) async throws {
        file = folder.appending(path: "test.sqlite").path
        url = Self.isPostgres ? try await Self.newSchema() : "sqlite"
    }

    /// A second one is what another process has.
    public func open() throws -> any Database {
        guard let address = PostgresAddress(url) else { return try SQLiteDatabase(path: file) }
        return PostgresDatabase(address, connections: 4)
    }

    /// Two connections for all tests: they begin all at once.
    private static let administration = postgresURL.flatMap(PostgresAddress.init).map { PostgresDatabase($0, connections: 2) }

    /// The address of a new schema of the test server.
    public static func newSchema() async throws -> String {
        guard let base = postgresURL, let administration else { throw Missing() }
        let name = "test_\(UUID().uuidString.lowercased().replacing("-", with: "_"))"
        try await administration.migrate { try $0.script("CREATE SCHEMA \(name)") }
        return base + (base.contains("?") ? "&" : "?") + "options=-csearch_path%3D\(name)"
    }

    /// Every column of every table.
    public static func columns(_ connection: any Connection) throws -> [(table: String, column: String)] {
        let sql =
            switch connection.dialect {
            case .sqlite:
                "SELECT m.name AS table_name, c.name AS column_name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'"
            case .postgres: "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
            }
        return try connection.query(sql).map { (try $0.text("table_name"), try $0.text("column_name")) }
    }

    struct Missing: Error, CustomStringConvertible {
        var description: String { "ATELIER_TEST_POSTGRES_URL names no server: scripts/run_tests.py starts one" }
    }
}
