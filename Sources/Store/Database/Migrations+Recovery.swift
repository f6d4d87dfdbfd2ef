extension Migrations {
    /// Whose a running request's key is, and which installation the rows belong to.
    static let recovery = """
        ALTER TABLE idempotency_keys ADD COLUMN owner TEXT;
        ALTER TABLE idempotency_keys ADD COLUMN lease_expires_at BIGINT;
        CREATE TABLE installation (
            one BIGINT PRIMARY KEY CHECK (one = 1),
            id TEXT NOT NULL,
            created_at BIGINT NOT NULL
        );
        """
}
