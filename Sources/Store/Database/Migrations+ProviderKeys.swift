extension Migrations {
    /// Several keys for one provider, told apart by a label. SQLite cannot drop a constraint, so the
    /// table is made anew; ids and sealed texts stay as they are.
    static let providerKeys = """
        CREATE TABLE provider_keys_next (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            provider TEXT NOT NULL,
            label TEXT NOT NULL DEFAULT 'default',
            encrypted_key TEXT NOT NULL,
            key_hint TEXT NOT NULL,
            base_url TEXT,
            is_active BIGINT NOT NULL DEFAULT 1,
            weight DOUBLE PRECISION NOT NULL DEFAULT 1 CHECK (weight > 0),
            max_concurrent BIGINT CHECK (max_concurrent > 0),
            prices TEXT NOT NULL DEFAULT '[]',
            test_outcome TEXT,
            test_message TEXT,
            tested_at BIGINT,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL,
            UNIQUE (user_id, provider, label)
        );
        INSERT INTO provider_keys_next (id, user_id, provider, encrypted_key, key_hint, base_url, is_active, created_at, updated_at)
            SELECT id, user_id, provider, encrypted_key, key_hint, base_url, is_active, created_at, updated_at FROM user_api_keys;
        DROP TABLE user_api_keys;
        ALTER TABLE provider_keys_next RENAME TO user_api_keys;
        """
}
