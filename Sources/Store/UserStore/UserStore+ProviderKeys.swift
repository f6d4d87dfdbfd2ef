import Foundation

extension UserStore {
    public func providerKeys() async throws -> [ProviderKey] {
        try await database.read { connection in
            try connection.query("SELECT * FROM user_api_keys WHERE user_id = $1 ORDER BY provider", user).map(ProviderKey.init)
        }
    }

    public func providerKey(_ provider: String) async throws -> ProviderKey {
        try await database.read { connection in
            guard let row = try connection.query("SELECT * FROM user_api_keys WHERE user_id = $1 AND provider = $2", user, .text(provider)).first
            else { throw StoreError.notFound("provider key") }
            return try ProviderKey(row: row)
        }
    }

    /// Stores the first key for a provider.
    public func createProviderKey(_ provider: String, key: String, baseURL: String?) async throws -> ProviderKey {
        let sealed = try vault.seal(key, user: userID, provider: provider)
        do {
            return try await database.write { connection in
                let now = SQLValue(Date())
                let rows = try connection.query(
                    """
                    INSERT INTO user_api_keys (id, user_id, provider, encrypted_key, key_hint, base_url, created_at, updated_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *
                    """, .text(RowID.make("key")), user, .text(provider), .text(sealed), .text(Self.hint(key)), SQLValue(baseURL), now, now)
                return try ProviderKey(row: rows[0])
            }
        } catch DatabaseError.uniqueViolation {
            throw StoreError.conflict(field: "provider", message: "a key for \(provider) is already stored: replace it with PUT")
        }
    }

    /// Changes what is given; `key == nil` keeps the stored key.
    public func updateProviderKey(_ provider: String, key: String?, baseURL: String?, isActive: Bool) async throws -> ProviderKey {
        let sealed = try key.map { try vault.seal($0, user: userID, provider: provider) }
        return try await database.write { connection in
            let rows = try connection.query(
                """
                UPDATE user_api_keys SET encrypted_key = COALESCE($3, encrypted_key), key_hint = COALESCE($4, key_hint),
                    base_url = $5, is_active = $6, updated_at = $7
                WHERE user_id = $1 AND provider = $2 RETURNING *
                """, user, .text(provider), SQLValue(sealed), SQLValue(key.map(Self.hint)), SQLValue(baseURL), SQLValue(isActive), SQLValue(Date()))
            guard let row = rows.first else { throw StoreError.notFound("provider key") }
            return try ProviderKey(row: row)
        }
    }

    public func deleteProviderKey(_ provider: String) async throws {
        try await database.write { connection in
            let rows = try connection.query(
                "DELETE FROM user_api_keys WHERE user_id = $1 AND provider = $2 RETURNING id", user, .text(provider))
            guard !rows.isEmpty else { throw StoreError.notFound("provider key") }
        }
    }

    /// The plaintext of an active key, for one call.
    /// - Throws: ``KeyVault/Failure`` when the row was copied from another user or its key is gone.
    public func openProviderKey(_ provider: String) async throws -> OpenedKey? {
        let row = try await database.read { connection in
            try connection.query(
                "SELECT id, encrypted_key, base_url FROM user_api_keys WHERE user_id = $1 AND provider = $2 AND is_active = 1", user, .text(provider)
            ).first
        }
        guard let row else { return nil }
        return OpenedKey(
            id: try row.text("id"), key: try vault.open(row.text("encrypted_key"), user: userID, provider: provider),
            baseURL: try row.optionalText("base_url"))
    }

    /// The last four characters; of a key too short to hide the rest, none.
    static func hint(_ key: String) -> String { key.count >= 12 ? "…" + key.suffix(4) : "…" }
}
