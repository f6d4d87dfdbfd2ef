import CPostgres

/// Where a PostgreSQL server is and who asks: `postgres://user:password@host:port/database?…`, all parts of
/// it optional, with every parameter libpq knows (`host=/run/postgresql` for a socket, `sslmode`, …).
/// The password may as well come from `PGPASSWORD` or a password file.
public struct PostgresAddress: Sendable {
    /// Holds the password: not for logs.
    let url: String

    /// Server, port and database, without user and password.
    public let description: String

    /// - Returns: nil where libpq cannot read the address. It says why in words that may quote the password, so
    ///   nobody hears them.
    public init?(_ url: String) {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else { return nil }
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(url, &message) else {
            PQfreemem(message)
            return nil
        }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        // libpq looks at them only when it connects.
        let ports = (values["port"] ?? "5432").split(separator: ",", omittingEmptySubsequences: false)
        guard ports.allSatisfy({ Int($0).map { (1...65535).contains($0) } ?? $0.isEmpty }) else { return nil }
        self.url = url
        let port = values["port"].map { ":\($0)" } ?? ""
        description = "\(values["host"] ?? values["hostaddr"] ?? "local")\(port)/\(values["dbname"] ?? values["user"] ?? "")"
    }
}
