import Domain
import Foundation

extension JobQueue {
    /// Writes the release a job has made: a candidate, promoted at once where the minion's policy says so.
    static func publish(_ connection: any Connection, id: String, job: TrainingJob, _ draft: ReleaseDraft, at now: Date) throws -> Release {
        guard let row = try connection.query("SELECT * FROM external_api_models WHERE id = $1", .text(job.minionID)).first else {
            throw StoreError.notFound("minion")
        }
        let minion = try Minion(row: row)
        try insertParts(connection, user: job.userID, minion: minion.id, job: job.id, draft, at: now)
        let states = ReleaseStates(connection: connection, user: job.userID, minionID: minion.id, now: now)
        let current = try states.active()
        // A job that trains one half keeps the other: a new knowledge base must not cost the minion its voice.
        let kept = try current?.readContent()
        let keepsAdapter = draft.adapter == nil && !job.trainingType.trainsAdapter
        let keepsCollection = draft.collection == nil && !job.trainingType.buildsCollection
        let adapterID = draft.adapter?.id ?? (keepsAdapter ? current?.adapterID : nil)
        let collectionID = draft.collection?.id ?? (keepsCollection ? current?.collectionID : nil)
        let collectionVersion = draft.collection?.version ?? (keepsCollection ? current?.collectionVersion : nil)
        var content = ReleaseContent(settings: .init(minion))
        if let id = adapterID {
            let adapter = try Adapter(row: connection.query("SELECT * FROM adapters WHERE id = $1", .text(id))[0])
            content.adapter = .init(
                sha256: adapter.sha256, rank: adapter.rank, baseModel: adapter.baseModel,
                companions: keepsAdapter ? kept?.adapter?.companions : draft.adapter?.companions)
            content.base = keepsAdapter ? kept?.base : draft.base
        }
        if let id = collectionID {
            if let new = draft.collection {
                content.collection = .init(
                    sha256: new.sha256, form: new.sha256 == nil ? nil : .plain, embedder: new.embedder, dimension: new.dimension,
                    documents: new.documentCount, chunks: new.chunkCount)
                content.embedder = draft.embedder
            } else if let earlier = kept?.collection {
                (content.collection, content.embedder) = (earlier, kept?.embedder)
            } else {
                let row = try Collection(row: connection.query("SELECT * FROM collections WHERE id = $1", .text(id))[0])
                content.collection = .init(embedder: row.embedder, dimension: row.dimension, documents: row.documentCount, chunks: row.chunkCount)
            }
        }
        let release = try insert(
            connection, id: id, user: job.userID, minion: minion.id, job: job.id, adapter: adapterID, collection: collectionID,
            version: collectionVersion, content: content.canonical(), evaluation: draft.evaluation, reason: nil, at: now)
        try ReleaseLog.note(connection, user: job.userID, release, "created", reason: nil, at: now)
        let isHeld = try connection.query("SELECT hold_release FROM external_training_jobs WHERE id = $1", .text(job.id))[0].bool("hold_release")
        let gate =
            isHeld
            ? ReleaseGate(passes: false, reason: "the job was started with hold_release")
            : ReleaseGate.decide(minion.releasePolicy, candidate: draft.evaluation, active: current.map { ($0.number, $0.evaluation) })
        if gate.passes { return try states.activate(release, reason: gate.reason) }
        let rows = try connection.query("UPDATE releases SET reason = $2 WHERE id = $1 RETURNING *", .text(id), .text(gate.reason))
        return try Release(row: rows[0])
    }

    /// The rows of a release's own adapter and collection.
    static func insertParts(_ connection: any Connection, user: String, minion: String, job: String?, _ draft: ReleaseDraft, at now: Date) throws {
        if let adapter = draft.adapter {
            try connection.query(
                """
                INSERT INTO adapters (id, user_id, job_id, base_model, rank, path, sha256, bytes, created_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                """,
                .text(adapter.id), .text(user), SQLValue(job), .text(adapter.baseModel), SQLValue(adapter.rank), .text(adapter.path),
                .text(adapter.sha256), SQLValue(adapter.bytes), SQLValue(now))
        }
        guard let collection = draft.collection else { return }
        try connection.query(
            """
            INSERT INTO collections (id, user_id, name, embedder, dimension, version, document_count, chunk_count, bytes, created_at, updated_at,
                minion_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)
            ON CONFLICT (id) DO UPDATE SET embedder = $4, dimension = $5, version = $6, document_count = $7, chunk_count = $8, bytes = $9, updated_at = $10,
                minion_id = $11, building_version = NULL, building_job = NULL
            """,
            .text(collection.id), .text(user), .text(collection.name), .text(collection.embedder), SQLValue(collection.dimension),
            SQLValue(collection.version), SQLValue(collection.documentCount), SQLValue(collection.chunkCount), SQLValue(collection.bytes),
            SQLValue(now), .text(minion))
    }

    static func insert(
        _ connection: any Connection, id: String, user: String, minion: String, job: String?, adapter: String?, collection: String?,
        version: Int?, content: String, evaluation: ReleaseEvaluation, reason: String?, at now: Date
    ) throws -> Release {
        let settings = try ReleaseContent.read(content).settings.pipeline
        let number = try connection.query(
            "SELECT COALESCE(MAX(CASE WHEN number BETWEEN 1 AND 1000000000 THEN number END), 0) + 1 AS next FROM releases WHERE minion_id = $1",
            .text(minion))[0]
            .int("next")
        let rows = try connection.query(
            """
            INSERT INTO releases (id, user_id, minion_id, job_id, number, adapter_id, collection_id, collection_version, settings, evaluation, state,
                created_at, content, content_sha256, reason)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'candidate', $11, $12, $13, $14) RETURNING *
            """,
            .text(id), .text(user), .text(minion), SQLValue(job), SQLValue(number), SQLValue(adapter), SQLValue(collection), SQLValue(version),
            try SQLValue(json: settings), try SQLValue(json: evaluation), SQLValue(now), .text(content), .text(ReleaseContent.address(of: content)),
            SQLValue(reason))
        return try Release(row: rows[0])
    }
}
