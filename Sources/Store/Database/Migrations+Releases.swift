extension Migrations {
    /// Releases have a life: how each came to its state, what it is made of, and how a canary does. What a
    /// job was trained from is kept beside it, because datasets change and go. Webhooks and their outbox.
    static let releaseLifecycle = """
        ALTER TABLE external_api_models ADD COLUMN release_policy TEXT NOT NULL DEFAULT '{"mode":"always"}';
        ALTER TABLE external_api_models ADD COLUMN canary TEXT;
        ALTER TABLE external_training_jobs ADD COLUMN hold_release BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE releases ADD COLUMN content TEXT;
        ALTER TABLE releases ADD COLUMN content_sha256 TEXT;
        ALTER TABLE releases ADD COLUMN reason TEXT;
        ALTER TABLE releases ADD COLUMN promoted_at BIGINT;
        UPDATE releases SET promoted_at = created_at;
        CREATE TABLE release_events (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            minion_id TEXT NOT NULL REFERENCES external_api_models (id) ON DELETE CASCADE,
            release_id TEXT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
            ordinal BIGINT NOT NULL,
            at BIGINT NOT NULL,
            type TEXT NOT NULL,
            reason TEXT
        );
        CREATE INDEX release_events_by_release ON release_events (release_id, ordinal);
        CREATE TABLE canary_arms (
            canary_id TEXT NOT NULL,
            arm TEXT NOT NULL CHECK (arm IN ('active', 'canary')),
            minion_id TEXT NOT NULL REFERENCES external_api_models (id) ON DELETE CASCADE,
            requests BIGINT NOT NULL,
            failures BIGINT NOT NULL,
            log_sum DOUBLE PRECISION NOT NULL,
            log_square_sum DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (canary_id, arm)
        );
        CREATE TABLE job_inputs (
            job_id TEXT NOT NULL REFERENCES external_training_jobs (id) ON DELETE CASCADE,
            dataset_id TEXT NOT NULL,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            dataset_name TEXT NOT NULL,
            dataset_type TEXT NOT NULL,
            version BIGINT NOT NULL,
            sha256 TEXT NOT NULL,
            bytes BIGINT NOT NULL,
            sample_count BIGINT NOT NULL,
            PRIMARY KEY (job_id, dataset_id)
        );
        CREATE TABLE webhooks (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            url TEXT NOT NULL,
            events TEXT NOT NULL,
            encrypted_secret TEXT NOT NULL,
            is_active BIGINT NOT NULL DEFAULT 1,
            disabled_reason TEXT,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL
        );
        CREATE INDEX webhooks_by_user ON webhooks (user_id);
        CREATE TABLE webhook_deliveries (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
            ordinal BIGINT NOT NULL,
            event_type TEXT NOT NULL,
            body TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
            attempts BIGINT NOT NULL DEFAULT 0,
            next_at BIGINT NOT NULL,
            status BIGINT,
            error TEXT,
            milliseconds DOUBLE PRECISION,
            created_at BIGINT NOT NULL,
            finished_at BIGINT
        );
        CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (state, webhook_id, ordinal);
        CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, id);
        """
}
