extension Migrations {
    /// Jobs that survive their workers, wait their turn, and start by themselves.
    static let queue = """
        ALTER TABLE external_training_jobs ADD COLUMN lease_host TEXT;
        ALTER TABLE external_training_jobs ADD COLUMN queued_at BIGINT;
        ALTER TABLE external_training_jobs ADD COLUMN resume_cause TEXT;
        ALTER TABLE external_training_jobs ADD COLUMN lost_workers BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE external_training_jobs ADD COLUMN lost_progress DOUBLE PRECISION NOT NULL DEFAULT 0;
        ALTER TABLE external_training_jobs ADD COLUMN retries BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE external_training_jobs ADD COLUMN memory_mb BIGINT;
        ALTER TABLE external_training_jobs ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE external_training_jobs ADD COLUMN retry TEXT;
        ALTER TABLE external_training_jobs ADD COLUMN schedule TEXT;
        ALTER TABLE external_training_jobs ADD COLUMN schedule_at BIGINT;
        ALTER TABLE external_training_jobs ADD COLUMN retrain_on_change BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE external_training_jobs ADD COLUMN retrain_at BIGINT;
        ALTER TABLE external_training_jobs ADD COLUMN origin_id TEXT;
        ALTER TABLE external_training_jobs ADD COLUMN origin_cause TEXT;
        ALTER TABLE external_training_jobs ADD COLUMN config_hash TEXT;
        UPDATE external_training_jobs SET queued_at = updated_at WHERE status = 'QUEUED';
        CREATE INDEX jobs_by_hash ON external_training_jobs (user_id, config_hash);
        CREATE INDEX jobs_by_schedule ON external_training_jobs (schedule_at);
        CREATE INDEX jobs_by_retraining ON external_training_jobs (retrain_at);
        CREATE INDEX jobs_by_minion ON external_training_jobs (minion_id, status);
        CREATE TABLE job_turns (
            id TEXT PRIMARY KEY,
            last_start BIGINT NOT NULL
        );
        CREATE TABLE job_stages (
            job_id TEXT NOT NULL REFERENCES external_training_jobs (id) ON DELETE CASCADE,
            attempt BIGINT NOT NULL,
            stage TEXT NOT NULL,
            started_at BIGINT NOT NULL,
            finished_at BIGINT,
            outcome TEXT NOT NULL,
            cpu_ms BIGINT,
            peak_memory_bytes BIGINT,
            disk_bytes BIGINT,
            PRIMARY KEY (job_id, attempt, stage)
        );
        CREATE TABLE workers (
            name TEXT PRIMARY KEY,
            host TEXT NOT NULL,
            pid BIGINT NOT NULL,
            kind TEXT NOT NULL,
            job_slots BIGINT NOT NULL,
            started_at BIGINT NOT NULL,
            last_seen BIGINT NOT NULL
        );
        """
}
