import Foundation

extension UserStore {
    public func datasets(_ page: PageRequest = .first) async throws -> Page<Dataset> {
        try await database.read { try page.page($0, from: "user_training_datasets", where: "user_id = $1", [user], decode: Dataset.init) }
    }

    public func dataset(_ id: String) async throws -> Dataset {
        try await database.read { try Dataset(row: row($0, "user_training_datasets", id, what: "dataset")) }
    }

    /// The same, to be written anew: a column that cannot be read has its default.
    public func datasetToChange(_ id: String) async throws -> Dataset {
        try await database.read { try row($0, "user_training_datasets", id, what: "dataset").mended(Dataset.standIns, Dataset.init).value }
    }

    public func createDataset(_ draft: DatasetDraft) async throws -> Dataset {
        do {
            return try await database.write { connection in
                let now = SQLValue(Date())
                let rows = try connection.query(
                    """
                    INSERT INTO user_training_datasets
                        (id, user_id, dataset_name, dataset_type, file_path, file_name, sample_count, metadata, sha256, bytes, status, created_at, updated_at,
                        format, report)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'ready', $11, $12, $13, $14) RETURNING *
                    """,
                    .text(RowID.make("dat")), user, .text(draft.datasetName), .text(draft.datasetType.rawValue), .text(draft.filePath),
                    .text(draft.fileName), SQLValue(draft.sampleCount), try SQLValue(json: draft.metadata), .text(draft.sha256),
                    SQLValue(draft.bytes), now, now, SQLValue(draft.format), SQLValue(draft.report))
                let dataset = try Dataset(row: rows[0])
                try note(connection, dataset, change: "create")
                try connection.audit(.datasetCreate, target: dataset.id, of: userID, ["type": draft.datasetType.rawValue, "sha256": draft.sha256])
                return dataset
            }
        } catch DatabaseError.uniqueViolation {
            throw StoreError.conflict(field: "dataset_name", message: "you already have a dataset called \"\(draft.datasetName)\"")
        }
    }

    public func updateDataset(_ id: String, name: String, description: String?, isActive: Bool) async throws -> Dataset {
        do {
            return try await database.write { connection in
                var dataset = try mend(connection, "user_training_datasets", id, what: "dataset", Dataset.standIns, Dataset.init)
                dataset.metadata.description = description
                let rows = try connection.query(
                    """
                    UPDATE user_training_datasets SET dataset_name = $3, metadata = $4, is_active = $5, updated_at = $6
                    WHERE id = $1 AND user_id = $2 RETURNING *
                    """, .text(id), user, .text(name), try SQLValue(json: dataset.metadata), SQLValue(isActive), SQLValue(Date()))
                try connection.audit(.datasetUpdate, target: id, of: userID, ["is_active": "\(isActive)"])
                return try Dataset(row: rows[0])
            }
        } catch DatabaseError.uniqueViolation {
            throw StoreError.conflict(field: "dataset_name", message: "you already have a dataset called \"\(name)\"")
        }
    }

    /// Gives the dataset other content: what `draft` says, but for its names and its type.
    /// - Parameters:
    ///   - version: the one the new content was made from.
    ///   - change: `append`, `replace`, `merge` or `remove`.
    /// - Returns: the dataset, and the paths, relative to the data directory, that nothing refers to any more.
    /// - Throws: `StoreError.invalidState` where the content has changed meanwhile, or a job is using it.
    public func replaceContent(of id: String, version: Int, with draft: DatasetDraft, change: String) async throws -> (
        dataset: Dataset, unused: [String]
    ) {
        try await database.write { connection in
            let old = try Dataset(row: row(connection, "user_training_datasets", id, what: "dataset"))
            guard old.version == version else { throw StoreError.invalidState("the dataset was changed meanwhile: look at it again, then repeat") }
            try refuseUsed(connection, id)
            var metadata = draft.metadata
            metadata.description = old.metadata.description
            let rows = try connection.query(
                """
                UPDATE user_training_datasets SET file_path = $3, file_name = $4, sample_count = $5, metadata = $6, sha256 = $7, bytes = $8, format = $9,
                    report = $10, version = version + 1, updated_at = $11
                WHERE id = $1 AND user_id = $2 RETURNING *
                """,
                .text(id), user, .text(draft.filePath), .text(draft.fileName), SQLValue(draft.sampleCount), try SQLValue(json: metadata),
                .text(draft.sha256), SQLValue(draft.bytes), SQLValue(draft.format), SQLValue(draft.report), SQLValue(Date()))
            let dataset = try Dataset(row: rows[0])
            try note(connection, dataset, change: change)
            try JobQueue.datasetChanged(connection, id)
            try connection.audit(.datasetContent, target: id, of: userID, ["change": change, "sha256": draft.sha256])
            return (dataset, try unused(connection, [old.filePath, old.documentsPath]))
        }
    }

    /// The contents a dataset has had, newest first.
    public func versions(ofDataset id: String) async throws -> [DatasetVersion] {
        try await database.read { connection in
            _ = try row(connection, "user_training_datasets", id, what: "dataset")
            return try connection.query(
                "SELECT * FROM dataset_versions WHERE dataset_id = $1 AND user_id = $2 ORDER BY number DESC", .text(id), user
            ).readable(DatasetVersion.init)
        }
    }

    /// What was found in the content when it arrived, as JSON; nil where nothing was looked for.
    public func report(ofDataset id: String) async throws -> String? {
        try await database.read { try row($0, "user_training_datasets", id, what: "dataset").optionalText("report") }
    }

    private func note(_ connection: any Connection, _ dataset: Dataset, change: String) throws {
        try connection.query(
            """
            INSERT INTO dataset_versions (dataset_id, user_id, number, change_kind, sha256, bytes, sample_count, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            .text(dataset.id), user, SQLValue(dataset.version), .text(change), .text(dataset.sha256), SQLValue(dataset.bytes),
            SQLValue(dataset.sampleCount), SQLValue(Date()))
    }

    private func refuseUsed(_ connection: any Connection, _ id: String) throws {
        let active = try connection.query(
            """
            SELECT j.job_name FROM external_training_jobs j JOIN training_job_datasets d ON d.job_id = j.id
            WHERE d.dataset_id = $1 AND j.user_id = $2 AND j.status IN ('QUEUED', 'RUNNING')
            """, .text(id), user)
        if let job = active.first {
            throw StoreError.invalidState("training job \"\(try job.text("job_name"))\" is using this dataset: stop it first")
        }
    }

    /// Deletes the row.
    /// - Returns: the paths, relative to the data directory, that no other dataset of the user refers to.
    public func deleteDataset(_ id: String) async throws -> [String] {
        try await database.write { connection in
            let paths = try filePaths(row(connection, "user_training_datasets", id, what: "dataset"))
            try refuseUsed(connection, id)
            try connection.query("DELETE FROM user_training_datasets WHERE id = $1 AND user_id = $2", .text(id), user)
            try connection.audit(.datasetDelete, target: id, of: userID)
            return try unused(connection, paths)
        }
    }

    /// Whether any dataset of the user still refers to the file, or to the folder of its documents' text.
    public func refersToFile(_ path: String) async throws -> Bool {
        try await database.read { try unused($0, [path]).isEmpty }
    }

    /// Those of the paths that no dataset of the user refers to.
    private func unused(_ connection: any Connection, _ paths: [String]) throws -> [String] {
        try paths.filter { path in
            // The text's path begins with the file's.
            let file = path.hasSuffix(".documents") ? String(path.split(separator: ".").first ?? "") : path
            let rows = try connection.query("SELECT * FROM user_training_datasets WHERE user_id = $1 AND file_path = $2", user, .text(file))
            return try !rows.contains { try filePaths($0).contains(path) }
        }
    }

    /// Where a dataset's content and the text of its documents are: also of a row of which nothing else can be read.
    private func filePaths(_ row: Row) throws -> [String] {
        [try row.text("file_path"), DataPaths.documents(sha256: try row.text("sha256"), name: try row.text("file_name"), user: userID)]
    }
}
