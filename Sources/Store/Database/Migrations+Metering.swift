extension Migrations {
    /// What usage is told by beside its sums, and the limits that are held against it.
    static let metering = """
        ALTER TABLE usage_records ADD COLUMN key_id TEXT;
        ALTER TABLE usage_records ADD COLUMN cache_write_tokens BIGINT;
        ALTER TABLE usage_records ADD COLUMN reasoning_tokens BIGINT;
        CREATE TABLE limits (
            id TEXT PRIMARY KEY,
            scope TEXT NOT NULL CHECK (scope IN ('default', 'user', 'own', 'minion', 'key')),
            user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
            minion_id TEXT REFERENCES external_api_models (id) ON DELETE CASCADE,
            key_id TEXT,
            settings TEXT NOT NULL,
            updated_at BIGINT NOT NULL
        );
        CREATE INDEX limits_by_user ON limits (user_id);
        CREATE TABLE job_starts (
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            minion_id TEXT NOT NULL,
            day BIGINT NOT NULL,
            starts BIGINT NOT NULL,
            PRIMARY KEY (user_id, day, minion_id)
        );
        """

    /// What a superuser's budget counts of a record, where that is more than its user paid.
    static let countedCosts = "ALTER TABLE usage_records ADD COLUMN counted_cost DOUBLE PRECISION"

    /// Which records are calls of one request. Those of before do not say.
    static let usageRequests = "ALTER TABLE usage_records ADD COLUMN request_id TEXT"
}
