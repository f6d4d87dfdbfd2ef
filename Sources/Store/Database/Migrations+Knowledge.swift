extension Migrations {
    /// Collections are there from the moment their build begins, and belong to a minion before it has a
    /// release; datasets have versions and what was found in them.
    static let knowledge = """
        ALTER TABLE collections ADD COLUMN minion_id TEXT;
        ALTER TABLE collections ADD COLUMN building_version BIGINT;
        ALTER TABLE collections ADD COLUMN building_job TEXT;
        UPDATE collections SET minion_id = (
            SELECT r.minion_id FROM releases r WHERE r.collection_id = collections.id ORDER BY r.number DESC LIMIT 1
        );
        CREATE INDEX collections_by_minion ON collections (minion_id);
        ALTER TABLE user_training_datasets ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
        ALTER TABLE user_training_datasets ADD COLUMN format TEXT;
        ALTER TABLE user_training_datasets ADD COLUMN report TEXT;
        CREATE TABLE dataset_versions (
            dataset_id TEXT NOT NULL REFERENCES user_training_datasets (id) ON DELETE CASCADE,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            number BIGINT NOT NULL,
            change_kind TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            bytes BIGINT NOT NULL,
            sample_count BIGINT NOT NULL,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (dataset_id, number)
        );
        """
}
