extension UserStore {
    /// The paraphrase any job of this user's got for what the hash stands for.
    public func paraphrase(_ hash: String) async throws -> String? {
        try await database.read { connection in
            try connection.query("SELECT text FROM paraphrases WHERE user_id = $1 AND hash = $2 LIMIT 1", user, .text(hash)).first?.text("text")
        }
    }

    /// Keeps a paraphrase for as long as the job is there.
    public func saveParaphrase(_ text: String, hash: String, job: String) async throws {
        try await database.write { connection in
            try connection.query(
                """
                INSERT INTO paraphrases (job_id, user_id, hash, text)
                SELECT id, user_id, $3, $4 FROM external_training_jobs WHERE id = $1 AND user_id = $2
                ON CONFLICT (job_id, hash) DO NOTHING
                """, .text(job), user, .text(hash), .text(text))
        }
    }
}
