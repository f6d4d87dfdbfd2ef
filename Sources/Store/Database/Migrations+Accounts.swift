extension Migrations {
    /// The audit log says from where and about whose rows, counts what repeats, and is found by what one asks for. Sessions
    /// that are over are found without looking at all of them.
    static let accountTrail = """
        ALTER TABLE audit_log ADD COLUMN user_id TEXT;
        ALTER TABLE audit_log ADD COLUMN address TEXT;
        ALTER TABLE audit_log ADD COLUMN times BIGINT NOT NULL DEFAULT 1;
        CREATE INDEX audit_log_by_actor ON audit_log (actor_id, id);
        CREATE INDEX audit_log_by_user ON audit_log (user_id, id);
        CREATE INDEX audit_log_by_action ON audit_log (action, id);
        CREATE INDEX audit_log_by_time ON audit_log (at);
        CREATE INDEX sessions_by_expiry ON sessions (expires_at);
        """
}
