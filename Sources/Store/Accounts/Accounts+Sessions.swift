import Crypto
import Domain
import Foundation

/// A session that has just begun.
public struct OpenedSession: Sendable {
    /// Kept only as a hash.
    public var token: String
    public var expiresAt: Date
}

/// One of a person's sessions, as the person sees it.
public struct Session: Sendable, Encodable, Identifiable, Equatable {
    /// Names the session and opens nothing.
    public var id: String
    public var createdAt: Date
    /// To the minute.
    public var lastSeen: Date
    public var expiresAt: Date
    /// Where it was opened from.
    public var address: String?
    /// What the client called itself when it was opened.
    public var agent: String?
    /// Whether the request itself is of this session.
    public var isCurrent: Bool

    init(row: Row, current: String) throws {
        let hash = try row.text("token_hash")
        id = Self.id(hash: hash)
        createdAt = try row.date("created_at")
        lastSeen = try row.date("last_seen")
        expiresAt = try row.date("expires_at")
        address = try row.optionalText("ip")
        agent = try row.optionalText("agent")
        isCurrent = hash == Token.hash(current)
    }

    /// A hash of the stored hash, so that rows from before sessions had ids have one too. It leads back to neither.
    static func id(hash: String) -> String { "ses_" + SHA256.hash(data: Data("session id of \(hash)".utf8)).hex.prefix(20) }
}

/// A session that is about to be written.
struct NewSession: Sendable {
    let user: String
    let opened: OpenedSession
    let hash: String
    let createdAt = Date()
    let ip: String?
    let agent: String?

    init(user: String, lifetime: Duration, ip: String?, agent: String?) {
        let token = Token.session()
        self.user = user
        opened = OpenedSession(token: token, expiresAt: createdAt.addingTimeInterval(lifetime.seconds))
        hash = Token.hash(token)
        self.ip = ip
        self.agent = agent.map { String($0.prefix(200)) }
    }
}

extension Accounts {
    /// Opens a session for somebody who has shown otherwise who they are: by registering, or by a one-time link.
    /// - Parameter method: how the person came in, for the audit log.
    public func openSession(user: String, method: String = "link", lifetime: Duration, ip: String?, agent: String?) async throws -> OpenedSession {
        let session = NewSession(user: user, lifetime: lifetime, ip: ip, agent: agent)
        try await database.write { try insert(session, method, $0) }
        return session.opened
    }

    /// Sessions one person may have; the one unused longest makes room, so that nobody is locked out by them.
    static let mostSessions = 100

    func insert(_ session: NewSession, _ method: String, _ connection: any Connection) throws {
        try connection.query("DELETE FROM sessions WHERE expires_at < $1", SQLValue(session.createdAt))
        try connection.query(
            "INSERT INTO sessions (token_hash, user_id, created_at, expires_at, last_seen, ip, agent) VALUES ($1, $2, $3, $4, $3, $5, $6)",
            .text(session.hash), .text(session.user), SQLValue(session.createdAt), SQLValue(session.opened.expiresAt), SQLValue(session.ip),
            SQLValue(session.agent))
        try connection.query(
            """
            DELETE FROM sessions WHERE user_id = $1 AND token_hash IN (
                SELECT token_hash FROM sessions WHERE user_id = $1 ORDER BY last_seen DESC, created_at DESC LIMIT 1000 OFFSET $2)
            """, .text(session.user), SQLValue(Self.mostSessions))
        try connection.audit(.logIn, target: Session.id(hash: session.hash), of: session.user, by: session.user, ["method": method])
    }

    /// Whose session it is; nil where it is over.
    public func user(session token: String, now: Date = Date()) async throws -> User? {
        let row = try await database.read { connection in
            try connection.query(
                """
                SELECT u.*, s.last_seen FROM sessions s JOIN users u ON u.id = s.user_id
                WHERE s.token_hash = $1 AND s.expires_at > $2 AND s.last_seen > $3 AND u.is_active = 1
                """, .text(Token.hash(token)), SQLValue(now), SQLValue(now.addingTimeInterval(-idle.seconds))
            ).first
        }
        guard let row else { return nil }
        // To the minute is enough, and spares a write for every request.
        if try now.timeIntervalSince(row.date("last_seen")) > 60 {
            do {
                try await database.write {
                    try $0.query("UPDATE sessions SET last_seen = $2 WHERE token_hash = $1", .text(Token.hash(token)), SQLValue(now))
                }
            } catch let error as DatabaseError where error.isTransient {
                // Who only reads is not kept from it by a database that takes no writes.
            }
        }
        return try User(row: row)
    }

    /// A person's sessions that are open, the last used first.
    /// - Parameter token: the one that asks.
    public func sessions(of user: String, current token: String, now: Date = Date()) async throws -> [Session] {
        try await database.read { connection in
            try open(connection, user, now).readable { try Session(row: $0, current: token) }
        }
    }

    /// Signs out.
    public func closeSession(_ token: String) async throws {
        let hash = Token.hash(token)
        let user = try await database.write { connection in
            guard let row = try connection.query("DELETE FROM sessions WHERE token_hash = $1 RETURNING user_id", .text(hash)).first else {
                return nil as String?
            }
            let user = try row.text("user_id")
            try connection.notify(SessionWatch.topic, user)
            try connection.audit(.logOut, target: Session.id(hash: hash), of: user)
            return user
        }
        if let user { watch.wake(user) }
    }

    /// Ends one of a person's sessions.
    /// - Throws: ``StoreError/notFound(_:)`` where the person has no open session of that id.
    public func endSession(_ id: String, of user: String, now: Date = Date()) async throws {
        try await database.write { connection in
            guard let hash = try open(connection, user, now).map({ try $0.text("token_hash") }).first(where: { Session.id(hash: $0) == id }) else {
                throw StoreError.notFound("session")
            }
            try connection.query("DELETE FROM sessions WHERE token_hash = $1 AND user_id = $2", .text(hash), .text(user))
            try connection.notify(SessionWatch.topic, user)
            try connection.audit(.sessionEnd, target: id, of: user)
        }
        watch.wake(user)
    }

    /// Ends all of a person's sessions.
    public func endSessions(of user: String) async throws {
        try await database.write { connection in
            let ended = try end(connection, sessionsOf: user)
            try connection.audit(.sessionEndAll, target: user, of: user, ["sessions_ended": "\(ended)"])
        }
        watch.wake(user)
    }

    /// Runs `body` for as long as the session is open; then it is cancelled.
    /// - Throws: ``SessionEnded``.
    public func whileOpen(_ token: String, of user: String, _ body: @Sendable @escaping () async throws -> Void) async throws {
        // A database that is away ends nobody's session.
        try await watch.whileOpen(user, isOpen: { (try? await self.user(session: token)?.id == user) ?? true }, body)
    }

    /// Deletes a person's sessions, and says so to whoever follows something by one of them.
    /// - Parameter token: a session that stays.
    /// - Returns: how many it were.
    func end(_ connection: any Connection, sessionsOf user: String, but token: String? = nil) throws -> Int {
        let ended = try connection.query(
            "DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2 RETURNING token_hash", .text(user), .text(token.map(Token.hash) ?? ""))
        try connection.notify(SessionWatch.topic, user)
        return ended.count
    }

    private func open(_ connection: any Connection, _ user: String, _ now: Date) throws -> [Row] {
        try connection.query(
            "SELECT * FROM sessions WHERE user_id = $1 AND expires_at > $2 AND last_seen > $3 ORDER BY last_seen DESC, created_at DESC, token_hash",
            .text(user), SQLValue(now), SQLValue(now.addingTimeInterval(-idle.seconds)))
    }
}
