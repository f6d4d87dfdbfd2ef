import CPostgres
import Dispatch
import Foundation

/// One connection to the server and the thread that waits for it.
///
/// Whoever holds a session runs everything on ``queue``, one transaction after the other; that is what makes
/// it sendable. It connects when it is first used, and again after the connection was lost.
final class PostgresSession: @unchecked Sendable {
    /// A serial queue gets a thread of its own while it has work, so that a query that waits holds none of those
    /// that everybody shares.
    let queue = DispatchQueue(label: "atelier.postgres")
    private let address: PostgresAddress
    private var connection: OpaquePointer?
    /// Statement text and parameter types → name of the prepared statement.
    private var prepared: [String: String] = [:]
    private static let mostPrepared = 400

    init(_ address: PostgresAddress) { self.address = address }

    deinit { PQfinish(connection) }

    /// To wait on, beside something else.
    var socket: Int32 { connection.map { PQsocket($0) } ?? -1 }

    func connect() throws {
        guard connection == nil else { return }
        // What stands before `dbname` is a default that the address may override, what stands behind it is not.
        let options = [
            ("connect_timeout", "10"), ("application_name", "atelier"), ("keepalives_idle", "30"), ("dbname", address.url),
            ("client_encoding", "UTF8"),
        ]
        let names = options.map { strdup($0.0) } + [nil]
        let values = options.map { strdup($0.1) } + [nil]
        defer { for text in names + values { free(text) } }
        let made = PQconnectdbParams(names.map { UnsafePointer($0) }, values.map { UnsafePointer($0) }, 1)
        guard let made else { throw PostgresFailure(lost: "out of memory") }
        guard PQstatus(made) == CONNECTION_OK else {
            defer { PQfinish(made) }
            throw PostgresFailure(lost: String(cString: PQerrorMessage(made)))
        }
        // Notices ("already exists, skipping") would go to standard error.
        PQsetNoticeProcessor(made, { _, _ in }, nil)
        connection = made
        // A client that is frozen in the middle of a transaction would hold its rows' locks for as long as it is.
        try run("SET idle_in_transaction_session_timeout = 15000")
    }

    func disconnect() {
        PQfinish(connection)
        connection = nil
        prepared = [:]
    }

    /// One or more statements without parameters.
    /// - Returns: the last one's command tag.
    @discardableResult
    func run(_ sql: String) throws -> String {
        let connection = try open()
        let result = PQexec(connection, sql)
        defer { PQclear(result) }
        try check(result, connection)
        return String(cString: PQcmdStatus(result))
    }

    func query(_ sql: String, _ parameters: [SQLValue]) throws -> [Row] {
        let connection = try open()
        let arguments = PostgresArguments(parameters)
        let name = try prepare(sql, arguments, connection)
        let result = arguments.withPointers { values, lengths, formats in
            PQexecPrepared(connection, name, Int32(parameters.count), values, lengths, formats, 0)
        }
        defer { PQclear(result) }
        try check(result, connection)
        return PostgresRows.read(result)
    }

    /// What others have said since the last call, as channel and payload.
    func notifications() throws -> [(channel: String, payload: String)] {
        let connection = try open()
        guard PQconsumeInput(connection) == 1 else { throw PostgresFailure(lost: String(cString: PQerrorMessage(connection))) }
        var heard: [(String, String)] = []
        while let notification = PQnotifies(connection) {
            heard.append((String(cString: notification.pointee.relname), String(cString: notification.pointee.extra)))
            PQfreemem(notification)
        }
        return heard
    }

    /// Gives up every prepared statement: the schema has changed.
    func forgetStatements() throws {
        prepared = [:]
        try run("DEALLOCATE ALL")
    }

    private func open() throws -> OpaquePointer {
        guard let connection else { throw PostgresFailure(lost: "the connection is closed") }
        return connection
    }

    private func prepare(_ sql: String, _ arguments: PostgresArguments, _ connection: OpaquePointer) throws -> String {
        let key = arguments.signature + sql
        if let name = prepared[key] { return name }
        let name = "s\(prepared.count)"
        let result = PQprepare(connection, name, sql, Int32(arguments.types.count), arguments.types)
        defer { PQclear(result) }
        try check(result, connection)
        prepared[key] = name
        return name
    }

    /// At the start of a transaction: keeps the number of prepared statements within bounds.
    func tidy() throws {
        if prepared.count > Self.mostPrepared { try forgetStatements() }
    }

    private func check(_ result: OpaquePointer?, _ connection: OpaquePointer) throws {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return
        default: throw PostgresFailure(result, of: connection)
        }
    }
}
