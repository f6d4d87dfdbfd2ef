import Foundation

/// People, their passwords and their sessions.
public struct Accounts: Sendable {
    let database: any Database
    let hasher: PasswordHasher

    /// - Throws: ``StoreError/conflict(field:message:)`` when the address is taken.
    public func create(email: String, name: String, password: String, role: User.Role = .user) async throws -> User {
        let hash = try await hasher.hash(password)
        let address = Self.normalised(email)
        do {
            return try await database.write { connection in
                let rows = try connection.query(
                    "INSERT INTO users (id, email, name, password_hash, role, created_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING *",
                    .text(RowID.make("usr")), .text(address), .text(name), .text(hash), .text(role.rawValue), SQLValue(Date()))
                return try User(row: rows[0])
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

    public func setPassword(_ password: String, email: String) async throws {
        let hash = try await hasher.hash(password)
        try await database.write { connection in
            let rows = try connection.query(
                "UPDATE users SET password_hash = $2 WHERE email = $1 RETURNING id", .text(Self.normalised(email)), .text(hash))
            guard let row = rows.first else { throw StoreError.notFound("user") }
            // Whoever held a session before the change holds none after it.
            try connection.query("DELETE FROM sessions WHERE user_id = $1", .text(row.text("id")))
        }
    }

    public func setActive(_ isActive: Bool, user id: String) async throws -> User {
        try await database.write { connection in
            let rows = try connection.query("UPDATE users SET is_active = $2 WHERE id = $1 RETURNING *", .text(id), SQLValue(isActive))
            guard let row = rows.first else { throw StoreError.notFound("user") }
            if !isActive { try connection.query("DELETE FROM sessions WHERE user_id = $1", .text(id)) }
            return try User(row: row)
        }
    }

    /// The user when address and password fit and the account is active. An unknown address costs
    /// the same time as a wrong password.
    public func authenticate(email: String, password: String) async throws -> User? {
        let row = try await database.read { connection in
            try connection.query("SELECT * FROM users WHERE email = $1", .text(Self.normalised(email))).first
        }
        guard let row else {
            _ = try await hasher.hash(password)
            return nil
        }
        guard try await hasher.verify(password, against: row.text("password_hash")) else { return nil }
        let user = try User(row: row)
        return user.isActive ? user : nil
    }

    /// - Returns: the token, which is kept only as a hash.
    public func openSession(user: String, lifetime: Duration, ip: String?, agent: String?) async throws -> (token: String, expiresAt: Date) {
        let token = Token.session()
        let now = Date()
        let expires = now.addingTimeInterval(lifetime.seconds)
        try await database.write { connection in
            try connection.query("DELETE FROM sessions WHERE expires_at < $1", SQLValue(now))
            try connection.query(
                "INSERT INTO sessions (token_hash, user_id, created_at, expires_at, last_seen, ip, agent) VALUES ($1, $2, $3, $4, $3, $5, $6)",
                .text(Token.hash(token)), .text(user), SQLValue(now), SQLValue(expires), SQLValue(ip), SQLValue(agent.map { String($0.prefix(200)) }))
        }
        return (token, expires)
    }

    public func user(session token: String, now: Date = Date()) async throws -> User? {
        let row = try await database.read { connection in
            try connection.query(
                """
                SELECT u.*, s.last_seen FROM sessions s JOIN users u ON u.id = s.user_id
                WHERE s.token_hash = $1 AND s.expires_at > $2 AND u.is_active = 1
                """, .text(Token.hash(token)), SQLValue(now)
            ).first
        }
        guard let row else { return nil }
        // To the minute is enough, and spares a write for every request.
        if try now.timeIntervalSince(row.date("last_seen")) > 60 {
            try await database.write {
                try $0.query("UPDATE sessions SET last_seen = $2 WHERE token_hash = $1", .text(Token.hash(token)), SQLValue(now))
            }
        }
        return try User(row: row)
    }

    public func closeSession(_ token: String) async throws {
        try await database.write { try $0.query("DELETE FROM sessions WHERE token_hash = $1", .text(Token.hash(token))) }
    }

    static func normalised(_ email: String) -> String { email.trimmingCharacters(in: .whitespaces).lowercased() }
}
