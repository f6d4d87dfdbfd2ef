import Foundation

/// People and their passwords; their sessions are in `Accounts+Sessions.swift`.
public struct Accounts: Sendable {
    let database: any Database
    let hasher: PasswordHasher
    /// A session that was not used for this long is over.
    let idle: Duration
    let watch: SessionWatch
    let costs: PasswordCosts
    let vault: KeyVault

    /// - Parameter action: ``AuditAction/userRegister`` where the person makes the account, who is then the actor too.
    /// - Throws: ``StoreError/conflict(field:message:)`` when the address is taken.
    public func create(email: String, name: String, password: String, role: User.Role = .user, action: AuditAction = .userCreate) async throws -> User
    {
        let hash = try await hasher.hash(password)
        let address = Self.normalised(email)
        do {
            return try await database.write { connection in
                let rows = try connection.query(
                    "INSERT INTO users (id, email, name, password_hash, role, created_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING *",
                    .text(RowID.make("usr")), .text(address), .text(name), .text(hash), .text(role.rawValue), SQLValue(Date()))
                let user = try User(row: rows[0])
                try connection.audit(
                    action, target: user.id, of: user.id, by: action == .userRegister ? user.id : nil, ["role": role.rawValue])
                return user
            }
        } catch DatabaseError.uniqueViolation {
            throw StoreError.conflict(field: "email", message: "an account with this address exists")
        }
    }

    public func user(_ id: String) async throws -> User? {
        try await database.read { try $0.query("SELECT * FROM users WHERE id = $1", .text(id)).first.map(User.init) }
    }

    public func user(email: String) async throws -> User? {
        try await database.read { try $0.query("SELECT * FROM users WHERE email = $1", .text(Self.normalised(email))).first.map(User.init) }
    }

    public func users(_ page: PageRequest = .first) async throws -> Page<User> {
        try await database.read { try page.page($0, from: "users", where: "1 = 1", [], decode: User.init) }
    }

    /// Sets a password without asking for the old one: an operator's command. All sessions of the account end.
    public func setPassword(_ password: String, email: String) async throws {
        let hash = try await hasher.hash(password)
        let user = try await database.write { connection in
            let rows = try connection.query(
                "UPDATE users SET password_hash = $2 WHERE email = $1 RETURNING id", .text(Self.normalised(email)), .text(hash))
            guard let id = try rows.first?.text("id") else { throw StoreError.notFound("user") }
            // Whoever held a session before the change holds none after it.
            let ended = try end(connection, sessionsOf: id)
            try connection.audit(.passwordChange, target: id, of: id, ["sessions_ended": "\(ended)"])
            return id
        }
        watch.wake(user)
    }

    /// Changes a person's own password; their other sessions end.
    /// - Parameters:
    ///   - current: the password so far.
    ///   - token: the session that goes on.
    /// - Returns: whether `current` was right; nothing is changed where it was not.
    public func changePassword(of user: User, from current: String, to new: String, keeping token: String) async throws -> Bool {
        guard let (_, old) = try await verified(user.email, current, failure: .passwordFailed) else { return false }
        let hash = try await hasher.hash(new)
        let isChanged = try await database.write { connection in
            let rows = try connection.query(
                "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id", .text(user.id), .text(old), .text(hash))
            // It was changed elsewhere while this ran: what was typed as the current one no longer is.
            guard !rows.isEmpty else { return false }
            let ended = try end(connection, sessionsOf: user.id, but: token)
            try connection.audit(.passwordChange, target: user.id, of: user.id, ["sessions_ended": "\(ended)"])
            return true
        }
        watch.wake(user.id)
        return isChanged
    }

    /// Closes or opens an account; closing ends its sessions.
    public func setActive(_ isActive: Bool, user id: String) async throws -> User {
        let user = try await database.write { connection in
            let rows = try connection.query("UPDATE users SET is_active = $2 WHERE id = $1 RETURNING *", .text(id), SQLValue(isActive))
            guard let row = rows.first else { throw StoreError.notFound("user") }
            let ended = try isActive ? 0 : end(connection, sessionsOf: id)
            try connection.audit(isActive ? .userOpen : .userClose, target: id, of: id, ["sessions_ended": "\(ended)"])
            return try User(row: row)
        }
        watch.wake(id)
        return user
    }

    /// Signs in with a password. A hash of another cost than today's is renewed.
    /// - Returns: nil where address and password do not fit or the account is closed. The reply's time tells none of these
    ///   from another: see ``PasswordCosts``.
    public func logIn(email: String, password: String, lifetime: Duration, ip: String?, agent: String?) async throws -> (
        user: User, session: OpenedSession
    )? {
        guard let (user, hash) = try await verified(email, password, failure: .logInFailed) else { return nil }
        let renewed = PasswordHasher.cost(of: hash) == hasher.costExponent ? nil : try await hasher.hash(password)
        let session = NewSession(user: user.id, lifetime: lifetime, ip: ip, agent: agent)
        let isOpen = try await database.write { connection in
            // The password or the account may have changed while scrypt ran.
            guard
                try !connection.query(
                    "SELECT id FROM users WHERE id = $1 AND password_hash = $2 AND is_active = 1", .text(user.id), .text(hash)
                ).isEmpty
            else { return false }
            if let renewed { try connection.query("UPDATE users SET password_hash = $2 WHERE id = $1", .text(user.id), .text(renewed)) }
            try insert(session, "password", connection)
            return true
        }
        return isOpen ? (user, session.opened) : nil
    }

    /// Notes that an account or an address has to wait before it may try again.
    public func noteLockOut(email: String, seconds: Int) async throws {
        let user = try await user(email: email)?.id
        try await database.write(.rowLocks) {
            try $0.auditRepeated(.lockedOut, target: user, of: user, within: 60, most: Self.failuresPerMinute, ["seconds": "\(seconds)"])
        }
    }

    /// How many entries of failed log-ins the audit log takes in a minute; more are counted in one.
    static let failuresPerMinute = 60

    /// The account and its hash, where address and password fit and the account is open. A failure is kept for the audit log,
    /// with the account where there is one, and nothing of what was typed.
    private func verified(_ email: String, _ password: String, failure: AuditAction) async throws -> (User, hash: String)? {
        let address = Self.normalised(email)
        // Before it is known whether there is an account, so that it takes its time in either case.
        let pretended = try await costs.draw(for: address, current: hasher.costExponent, database, vault)
        let row = try await database.read { try $0.query("SELECT * FROM users WHERE email = $1", .text(address)).first }
        let user = try row.map(User.init)
        if let row, let user {
            let hash = try row.text("password_hash")
            if try await hasher.verify(password, against: hash), user.isActive { return (user, hash) }
        } else {
            try await PasswordHasher.pretend(password, cost: pretended)
        }
        try await database.write(.rowLocks) {
            try $0.auditRepeated(failure, target: user?.id, of: user?.id, within: 60, most: Self.failuresPerMinute)
        }
        return nil
    }

    static func normalised(_ email: String) -> String { email.trimmingCharacters(in: .whitespaces).lowercased() }
}
