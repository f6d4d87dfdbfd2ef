import Foundation

extension UserStore {
    public func adapters(_ page: PageRequest = .first) async throws -> Page<Adapter> {
        try await database.read { try page.page($0, from: "adapters", where: "user_id = $1", [user], decode: Adapter.init) }
    }

    /// Writes an adapter that comes from elsewhere, and a release of the minion with it; the collection of the release
    /// that answers now stays.
    /// - Parameters:
    ///   - base: the model it is served with.
    ///   - promotes: from the next request on it answers; else it is a candidate.
    public func importAdapter(_ new: ReleaseDraft.NewAdapter, base: ReleaseContent.Model?, minionID: String, promotes: Bool) async throws -> Release {
        try await database.write { connection in
            let minion = try Minion(row: row(connection, "external_api_models", minionID, what: "minion"))
            let states = states(connection, minionID)
            try JobQueue.insertParts(
                connection, user: userID, minion: minionID, job: nil, ReleaseDraft(adapter: new, collection: nil, evaluation: .init()), at: states.now
            )
            let current = try states.active()
            let kept = try current?.readContent()
            var content = ReleaseContent(settings: .init(minion))
            content.adapter = .init(sha256: new.sha256, rank: new.rank, baseModel: new.baseModel, companions: new.companions)
            content.base = base
            (content.collection, content.embedder) = (kept?.collection, kept?.embedder)
            if content.collection == nil, let id = current?.collectionID {
                let row = try Collection(row: row(connection, "collections", id, what: "collection"))
                content.collection = .init(embedder: row.embedder, dimension: row.dimension, documents: row.documentCount, chunks: row.chunkCount)
            }
            let release = try JobQueue.insert(
                connection, id: RowID.make("rel"), user: userID, minion: minionID, job: nil, adapter: new.id, collection: current?.collectionID,
                version: current?.collectionVersion, content: content.canonical(), evaluation: .init(), reason: "its adapter was imported",
                at: states.now)
            try ReleaseLog.note(connection, user: userID, release, "imported", reason: nil, at: states.now)
            try connection.audit(.adapterImport, target: new.id, of: userID, ["minion": minionID, "release": release.id, "sha256": new.sha256])
            return promotes ? try states.activate(release, reason: "promoted at import") : release
        }
    }
}
