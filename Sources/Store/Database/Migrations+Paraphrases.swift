extension Migrations {
    /// Paraphrases of a user's own replies, kept while the job is there, so that none is paid for twice.
    static let paraphrases = """
        CREATE TABLE paraphrases (
            job_id TEXT NOT NULL REFERENCES external_training_jobs (id) ON DELETE CASCADE,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            hash TEXT NOT NULL,
            text TEXT NOT NULL,
            PRIMARY KEY (job_id, hash)
        );
        CREATE INDEX paraphrases_by_user ON paraphrases (user_id, hash);
        """
}
