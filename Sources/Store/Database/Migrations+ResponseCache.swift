extension Migrations {
    /// Answers that are given again. The user is part of the key, so that no hash reaches another's row. The
    /// index by age holds all that the bounds are reckoned from: the bodies are not read for it.
    static let responseCache = """
        CREATE TABLE response_cache (
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            key_hash TEXT NOT NULL,
            minion_id TEXT NOT NULL REFERENCES external_api_models (id) ON DELETE CASCADE,
            release_id TEXT,
            bytes BIGINT NOT NULL,
            hits BIGINT NOT NULL DEFAULT 0,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (user_id, key_hash)
        );
        CREATE INDEX response_cache_by_age ON response_cache (user_id, created_at, key_hash, bytes);
        CREATE INDEX response_cache_by_end ON response_cache (user_id, expires_at);
        CREATE INDEX response_cache_by_minion ON response_cache (minion_id);
        """
}
