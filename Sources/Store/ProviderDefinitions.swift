import Foundation

/// The provider definitions of one user, or those a superuser made for everybody. A handle sees the
/// one or the other and nothing else; ``visible()`` alone joins them.
public struct ProviderDefinitions: Sendable {
    /// How many there may be for everybody; a user's own are limited by the user's limits.
    public static let limit = 100

    /// Nil for everybody's.
    let owner: String?
    let database: any Database

    private var ownerValue: SQLValue { .text(owner ?? "") }
    private static let isOwners = "COALESCE(user_id, '') = $1"

    public func list(_ page: PageRequest = .first) async throws -> Page<ProviderDefinition> {
        try await database.read {
            try page.page($0, from: "provider_definitions", where: Self.isOwners, [ownerValue], decode: ProviderDefinition.init)
        }
    }

    /// What this owner can name as a provider: everybody's, with the owner's own in place of one of the
    /// same name.
    public func visible() async throws -> [ProviderDefinition] { try await all().visible }

    /// The same, and beside it all of everybody's, those an own one stands in front of among them.
    public func all() async throws -> (visible: [ProviderDefinition], shared: [ProviderDefinition]) {
        let (rows, own) = try await database.read { connection in
            let rows = try connection.query(
                "SELECT * FROM provider_definitions WHERE COALESCE(user_id, '') = $1 OR user_id IS NULL ORDER BY id", ownerValue)
            // By name alone: everybody's must not stand in for one of the owner's that cannot be read, or its keys would go elsewhere.
            let own = Set(try rows.filter { try $0.optionalText("user_id") != nil }.map { try $0.text("provider") })
            return (try rows.readable(ProviderDefinition.init), own)
        }
        return (rows.filter { $0.userID != nil || !own.contains($0.provider) }, rows.filter { $0.userID == nil })
    }

    public func get(_ id: String) async throws -> ProviderDefinition {
        try await database.read { try ProviderDefinition(row: row($0, id)) }
    }

    /// The same, to be written anew: a column that cannot be read has its stand-in.
    public func definitionToChange(_ id: String) async throws -> ProviderDefinition {
        try await database.read { try row($0, id).mended(ProviderDefinition.standIns, ProviderDefinition.init).value }
    }

    /// - Parameters:
    ///   - provider: the id the definition gives.
    ///   - definition: checked JSON.
    public func create(provider: String, definition: String) async throws -> ProviderDefinition {
        do {
            return try await database.write { connection in
                let count = try connection.query("SELECT COUNT(*) AS n FROM provider_definitions WHERE \(Self.isOwners)", ownerValue)[0].int("n")
                guard owner != nil || count < Self.limit else {
                    throw StoreError.invalidState("there are \(Self.limit) provider definitions: delete one first")
                }
                let rows = try connection.query(
                    """
                    INSERT INTO provider_definitions (id, user_id, provider, definition, created_at, updated_at)
                    VALUES ($1, $2, $3, $4, $5, $5) RETURNING *
                    """, .text(RowID.make("def")), SQLValue(owner), .text(provider), .text(definition), SQLValue(Date()))
                let stored = try ProviderDefinition(row: rows[0])
                try connection.audit(.definitionCreate, target: stored.id, of: owner, ["provider": provider])
                return stored
            }
        } catch DatabaseError.uniqueViolation {
            throw StoreError.conflict(field: "id", message: "a definition of \"\(provider)\" is already stored: replace it with PUT")
        }
    }

    /// Replaces the JSON; the provider's id stays.
    public func update(_ id: String, definition: String) async throws -> ProviderDefinition {
        try await database.write { connection in
            let current = try row(connection, id).mended(ProviderDefinition.standIns, ProviderDefinition.init).value
            let rows = try connection.query(
                "UPDATE provider_definitions SET definition = $3, created_at = $4, updated_at = $5 WHERE \(Self.isOwners) AND id = $2 RETURNING *",
                ownerValue, .text(id), .text(definition), SQLValue(current.createdAt), SQLValue(Date()))
            let stored = try ProviderDefinition(row: rows[0])
            try connection.audit(.definitionUpdate, target: id, of: owner, ["provider": stored.provider])
            return stored
        }
    }

    /// Deletes it. Minions that name the provider say so when they are asked.
    /// - Throws: ``StoreError/invalidState(_:)`` while the owner has keys for it: they would be stored
    ///   where nobody sees them, or be sent to whoever has the name next.
    public func delete(_ id: String) async throws {
        try await database.write { connection in
            let provider = try row(connection, id).text("provider")
            if let owner {
                let keys = try connection.query(
                    "SELECT id FROM user_api_keys WHERE user_id = $1 AND provider = $2", .text(owner), .text(provider))
                guard keys.isEmpty else {
                    throw StoreError.invalidState(
                        "\(keys.count) key\(keys.count == 1 ? " is" : "s are") stored for \"\(provider)\": delete that first")
                }
            }
            try connection.query("DELETE FROM provider_definitions WHERE \(Self.isOwners) AND id = $2", ownerValue, .text(id))
            try connection.audit(.definitionDelete, target: id, of: owner, ["provider": provider])
        }
    }

    private func row(_ connection: any Connection, _ id: String) throws -> Row {
        guard
            let row = try connection.query("SELECT * FROM provider_definitions WHERE \(Self.isOwners) AND id = $2", ownerValue, .text(id)).first
        else { throw StoreError.notFound("provider definition") }
        return row
    }
}

extension UserStore {
    /// The user's own provider definitions.
    public var definitions: ProviderDefinitions { ProviderDefinitions(owner: userID, database: database) }
}

extension Store {
    /// The provider definitions that everybody has.
    public var sharedDefinitions: ProviderDefinitions { ProviderDefinitions(owner: nil, database: database) }
}
