extension Migrations {
    /// Providers that are data: a user's own, or, without a user, everybody's.
    static let providerDefinitions = """
        CREATE TABLE provider_definitions (
            id TEXT PRIMARY KEY,
            user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
            provider TEXT NOT NULL,
            definition TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL
        );
        CREATE UNIQUE INDEX provider_definitions_by_name ON provider_definitions (COALESCE(user_id, ''), provider);
        """
}
