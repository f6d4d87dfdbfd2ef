import Foundation

/// Everything that is kept. Rows of a user are reached only through ``user(_:)``: there is no
/// function that takes a bare row id from a request.
public struct Store: Sendable {
    private let observed: ObservedDatabase
    let vault: KeyVault
    /// What was written in this process, for whoever keeps copies of rows.
    public let changes = StoreChanges()
    /// Who follows what by a session that may end.
    public let sessions = SessionWatch()
    let passwordCosts = PasswordCosts()

    /// Everybody's rows.
    var database: any Database { observed }

    /// Migrates the database to the newest schema.
    /// - Parameter folder: the data directory the rows are used with.
    /// - Throws: ``WrongDatabase`` where the two do not belong together, or the schema is newer than this program.
    public init(database: any Database, vault: KeyVault, folder: InstallationFolder? = nil) async throws {
        observed = ObservedDatabase(base: database, changes: changes)
        self.vault = vault
        try await Migrator.migrate(database, folder: folder)
    }

    /// A handle that sees and changes the rows of this user and of nobody else.
    public func user(_ id: String) -> UserStore { UserStore(userID: id, database: observed.scoped(to: id), vault: vault) }

    /// People, their passwords and their sessions.
    /// - Parameter idle: a session that was not used for this long is over.
    public func accounts(hasher: PasswordHasher = .init(), idle: Duration = .seconds(72 * 3600)) -> Accounts {
        Accounts(database: database, hasher: hasher, idle: idle, watch: sessions, costs: passwordCosts, vault: vault)
    }

    /// The worker's view of jobs: every user's, because a worker serves them all.
    public var queue: JobQueue { JobQueue(database: database) }

    /// Hears what other processes write, so that copies of rows are not used longer than they are good, and what they tell
    /// of jobs. For processes that live for a while.
    public func listen(_ handler: @Sendable @escaping (DatabaseNotice) -> Void) {
        observed.listen { [changes, sessions] notice in
            changes.heard(notice)
            sessions.heard(notice)
            handler(notice)
        }
    }

    /// To be called when what users call deleted is deleted: no file holds a byte of it afterwards.
    public func scrub() async throws { try await database.scrub() }

    /// One trivial query, for readiness.
    public func ping() async throws { _ = try await database.read { try $0.query("SELECT 1 AS one") } }

    public func close() throws { try database.close() }
}
