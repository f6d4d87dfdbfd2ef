/// The schema, written once for both databases. A landed entry is never edited: append a new one.
enum Migrations {
    static let all: [String] = [
        initial, metering, providerKeys, providerDefinitions, responseCache, knowledge, paraphrases, queue, releaseLifecycle, accountTrail,
        usageBounds, recovery, countedCosts, usageRequests,
    ]

    private static let initial = """
        CREATE TABLE users (
            id TEXT PRIMARY KEY,
            email TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            password_hash TEXT NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('user', 'superuser')),
            is_active BIGINT NOT NULL DEFAULT 1,
            created_at BIGINT NOT NULL
        );
        CREATE TABLE sessions (
            token_hash TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            created_at BIGINT NOT NULL,
            expires_at BIGINT NOT NULL,
            last_seen BIGINT NOT NULL,
            ip TEXT,
            agent TEXT
        );
        CREATE INDEX sessions_by_user ON sessions (user_id);
        CREATE TABLE external_api_models (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            display_name TEXT NOT NULL,
            provider TEXT NOT NULL,
            model_id TEXT NOT NULL,
            base_url TEXT,
            system_prompt TEXT NOT NULL DEFAULT '',
            sampling TEXT NOT NULL,
            fallbacks TEXT NOT NULL,
            pipeline TEXT NOT NULL,
            token_hash TEXT UNIQUE,
            token_hint TEXT,
            release_id TEXT,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL,
            UNIQUE (user_id, display_name)
        );
        CREATE TABLE user_api_keys (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            provider TEXT NOT NULL,
            encrypted_key TEXT NOT NULL,
            key_hint TEXT NOT NULL,
            base_url TEXT,
            is_active BIGINT NOT NULL DEFAULT 1,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL,
            UNIQUE (user_id, provider)
        );
        CREATE TABLE user_training_datasets (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            dataset_name TEXT NOT NULL,
            dataset_type TEXT NOT NULL CHECK (dataset_type IN ('jsonl', 'rag', 'custom')),
            file_path TEXT NOT NULL,
            file_name TEXT NOT NULL,
            sample_count BIGINT NOT NULL,
            metadata TEXT NOT NULL,
            is_active BIGINT NOT NULL DEFAULT 1,
            sha256 TEXT NOT NULL,
            bytes BIGINT NOT NULL,
            status TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL,
            UNIQUE (user_id, dataset_name)
        );
        CREATE TABLE external_training_jobs (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            minion_id TEXT NOT NULL REFERENCES external_api_models (id) ON DELETE CASCADE,
            job_name TEXT NOT NULL,
            provider TEXT NOT NULL,
            model_id TEXT NOT NULL,
            training_type TEXT NOT NULL CHECK (training_type IN ('hybrid', 'rag_only', 'lora_only')),
            status TEXT NOT NULL CHECK (status IN ('PENDING', 'QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'STOPPED')),
            progress DOUBLE PRECISION NOT NULL DEFAULT 0,
            config TEXT NOT NULL,
            error_message TEXT,
            error TEXT,
            attempt BIGINT NOT NULL DEFAULT 0,
            lease_owner TEXT,
            lease_expires_at BIGINT,
            stage TEXT,
            run_at BIGINT,
            release_id TEXT,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL,
            started_at BIGINT,
            completed_at BIGINT
        );
        CREATE INDEX jobs_by_user ON external_training_jobs (user_id, id);
        CREATE INDEX jobs_by_status ON external_training_jobs (status, run_at);
        CREATE TABLE training_job_datasets (
            job_id TEXT NOT NULL REFERENCES external_training_jobs (id) ON DELETE CASCADE,
            dataset_id TEXT NOT NULL REFERENCES user_training_datasets (id) ON DELETE CASCADE,
            PRIMARY KEY (job_id, dataset_id)
        );
        CREATE TABLE job_events (
            job_id TEXT NOT NULL REFERENCES external_training_jobs (id) ON DELETE CASCADE,
            seq BIGINT NOT NULL,
            at BIGINT NOT NULL,
            type TEXT NOT NULL,
            payload TEXT NOT NULL,
            PRIMARY KEY (job_id, seq)
        );
        CREATE TABLE collections (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            embedder TEXT NOT NULL,
            dimension BIGINT NOT NULL,
            version BIGINT NOT NULL,
            document_count BIGINT NOT NULL,
            chunk_count BIGINT NOT NULL,
            bytes BIGINT NOT NULL,
            created_at BIGINT NOT NULL,
            updated_at BIGINT NOT NULL,
            UNIQUE (user_id, name)
        );
        CREATE TABLE adapters (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            job_id TEXT,
            base_model TEXT NOT NULL,
            rank BIGINT NOT NULL,
            path TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            bytes BIGINT NOT NULL,
            created_at BIGINT NOT NULL
        );
        CREATE TABLE releases (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            minion_id TEXT NOT NULL REFERENCES external_api_models (id) ON DELETE CASCADE,
            job_id TEXT,
            number BIGINT NOT NULL,
            adapter_id TEXT REFERENCES adapters (id) ON DELETE SET NULL,
            collection_id TEXT REFERENCES collections (id) ON DELETE SET NULL,
            collection_version BIGINT,
            settings TEXT NOT NULL,
            evaluation TEXT NOT NULL,
            state TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            UNIQUE (minion_id, number)
        );
        CREATE TABLE answers (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            minion_id TEXT NOT NULL REFERENCES external_api_models (id) ON DELETE CASCADE,
            release_id TEXT,
            question TEXT NOT NULL,
            answer TEXT NOT NULL,
            trace TEXT NOT NULL,
            created_at BIGINT NOT NULL
        );
        CREATE INDEX answers_by_minion ON answers (minion_id, id);
        CREATE TABLE usage_records (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            minion_id TEXT,
            answer_id TEXT,
            purpose TEXT NOT NULL,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            at BIGINT NOT NULL,
            input_tokens BIGINT,
            output_tokens BIGINT,
            cached_tokens BIGINT,
            is_estimate BIGINT NOT NULL,
            cost DOUBLE PRECISION,
            latency_ms DOUBLE PRECISION NOT NULL,
            first_token_ms DOUBLE PRECISION,
            outcome TEXT NOT NULL
        );
        CREATE INDEX usage_by_user ON usage_records (user_id, at);
        CREATE TABLE idempotency_keys (
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            idempotency_key TEXT NOT NULL,
            request_hash TEXT NOT NULL,
            status BIGINT,
            body TEXT,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (user_id, idempotency_key)
        );
        CREATE TABLE audit_log (
            id TEXT PRIMARY KEY,
            at BIGINT NOT NULL,
            actor_id TEXT,
            action TEXT NOT NULL,
            target TEXT,
            detail TEXT NOT NULL
        );
        """
}
