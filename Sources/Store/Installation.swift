import Foundation

/// What a data directory says of the installation it belongs to. Rows and files refer to each other, and a start removes
/// files that no row refers to: a directory is used with its own rows only.
public struct InstallationFolder: Sendable {
    public var path: String
    /// Absent for a new directory, for one from before directories had an id, and for one that was restored without it.
    public var id: String?
    /// Ids of users whose files are in it.
    public var users: [String]

    public init(path: String, id: String?, users: [String]) {
        self.path = path
        self.id = id
        self.users = users
    }

    /// - Parameters:
    ///   - id: the database's; absent for a new one and for one from before.
    ///   - knows: whether the database has a row of this user.
    /// - Throws: ``WrongDatabase``.
    func check(against id: String?, knows: (String) throws -> Bool) throws {
        if let own = self.id {
            if own != id { throw WrongDatabase.foreign(path, own, id) }
        } else if !users.isEmpty, try !users.contains(where: knows) {
            throw WrongDatabase.unknownUsers(path, users.count)
        }
    }
}

/// A database that must not be used as it is, with what to do.
public struct WrongDatabase: Error, Sendable, CustomStringConvertible {
    public var description: String

    static func newer(_ version: Int, known: Int) -> WrongDatabase {
        WrongDatabase(
            description:
                "the database's schema has version \(version), and this program knows versions up to \(known): a newer version of Atelier has written it. "
                + "Run that version, or restore a backup from before the upgrade")
    }

    static func foreign(_ path: String, _ folder: String, _ database: String?) -> WrongDatabase {
        let other =
            database.map { "the database belongs to installation \($0)" }
            ?? "the database belongs to none: it is new, or older than the directory's id"
        return WrongDatabase(
            description:
                "the data directory \(path) belongs to installation \(folder), and \(other). Set ATELIER_DATA_DIR and ATELIER_DATABASE_URL to a directory "
                + "and a database that belong together. Where they do (a restored backup), remove the file installation.id from the directory")
    }

    static func unknownUsers(_ path: String, _ count: Int) -> WrongDatabase {
        WrongDatabase(
            description:
                "the data directory \(path) holds files of \(count) user\(count == 1 ? "" : "s"), and the database knows none of them: it belongs to another "
                + "directory. Set ATELIER_DATA_DIR and ATELIER_DATABASE_URL to a directory and a database that belong together")
    }
}

extension Store {
    /// Changes a row without changing it, so that a database that takes no writes says why.
    /// - Throws: ``DatabaseError``.
    public func probeWriting() async throws {
        try await database.write(.rowLocks) { try $0.query("UPDATE installation SET created_at = created_at WHERE one = 1") }
    }

    /// The id of the installation these rows belong to; the first call gives them one.
    public func installation() async throws -> String {
        try await database.write { connection in
            if let row = try connection.query("SELECT id FROM installation").first { return try row.text("id") }
            try connection.query(
                "INSERT INTO installation (one, id, created_at) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING", .text(RowID.make("ins")),
                SQLValue(Date()))
            return try connection.query("SELECT id FROM installation")[0].text("id")
        }
    }
}
