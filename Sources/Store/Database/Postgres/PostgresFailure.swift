import CPostgres

/// What libpq reports, before it is told to anybody.
struct PostgresFailure: Error {
    /// Five characters of the SQL standard (https://www.postgresql.org/docs/15/errcodes-appendix.html); empty
    /// where the connection broke before the server could say one.
    var code: String
    /// The first line only: the others quote the row.
    var message: String
    var constraint: String?
    /// The function of the server that says it.
    var routine: String?
    /// Whether the connection is gone with it.
    var isLost: Bool

    init(lost message: String) {
        code = ""
        self.message = message.split(separator: "\n").first.map(String.init) ?? "the connection is closed"
        isLost = true
    }

    init(_ result: OpaquePointer?, of connection: OpaquePointer) {
        func field(_ number: Int32) -> String? { PQresultErrorField(result, number).map { String(cString: $0) } }
        // PG_DIAG_SQLSTATE, PG_DIAG_MESSAGE_PRIMARY, PG_DIAG_CONSTRAINT_NAME and PG_DIAG_SOURCE_FUNCTION are characters.
        code = field(Int32(UInt8(ascii: "C"))) ?? ""
        message =
            field(Int32(UInt8(ascii: "M"))) ?? String(cString: PQerrorMessage(connection)).split(separator: "\n").first.map(String.init)
            ?? "no reply"
        constraint = field(Int32(UInt8(ascii: "n")))
        routine = field(Int32(UInt8(ascii: "R")))
        isLost = PQstatus(connection) != CONNECTION_OK || code.hasPrefix("08") || ["57P01", "57P02", "57P03"].contains(code)
    }

    /// Another transaction came first: the same again, with what it left, may succeed.
    var isConflict: Bool { code == "40001" || code == "40P01" || isStalePlan }

    /// The schema was changed since the statement was prepared. The code is that of every unsupported feature, and the message is in the
    /// server's language.
    var isStalePlan: Bool { code == "0A000" && routine == "RevalidateCachedQuery" }

    /// A server that will say the same a second later. Of a connection that was not made libpq has nothing but a text; one that is not
    /// known here is waited for as long as a server that does not answer.
    var isRefusal: Bool {
        code.hasPrefix("28") || code == "3D000" || message.contains("authentication failed") || message.contains("no password supplied")
            || message.contains("no pg_hba.conf entry") || (message.contains("database \"") && message.contains("does not exist"))
            || (message.contains("role \"") && message.contains("does not exist"))
    }

    /// As the callers of a driver know it. Never the statement's parameters: they may hold user text.
    var error: DatabaseError {
        switch code {
        case "23505": .uniqueViolation(constraint ?? message)
        case "23503": .foreignKeyViolation(constraint ?? message)
        case "23514": .checkViolation(constraint ?? message)
        case "53100": .diskFull(message)
        case _ where isLost || isConflict || code == "53300": .unavailable(message)
        default: .other("PostgreSQL \(code): \(message)")
        }
    }
}
