import Domain
import Foundation

/// A release that comes from elsewhere, its files in their places.
public struct ImportedRelease: Sendable {
    public var adapter: ReleaseDraft.NewAdapter?
    public var collection: ReleaseDraft.NewCollection?
    /// Canonical, as it was exported.
    public var content: String
    public var evaluation: ReleaseEvaluation

    public init(adapter: ReleaseDraft.NewAdapter?, collection: ReleaseDraft.NewCollection?, content: String, evaluation: ReleaseEvaluation) {
        self.adapter = adapter
        self.collection = collection
        self.content = content
        self.evaluation = evaluation
    }
}

extension UserStore {
    /// Writes an imported release: a candidate, or at once the one that answers.
    /// - Parameters:
    ///   - promotes: from the next request on it answers.
    ///   - appliesSettings: the minion takes over the settings the release was made with.
    public func importRelease(_ imported: ImportedRelease, minionID: String, promotes: Bool, appliesSettings: Bool) async throws -> Release {
        try await database.write { connection in
            _ = try row(connection, "external_api_models", minionID, what: "minion")
            let states = states(connection, minionID)
            try JobQueue.insertParts(
                connection, user: userID, minion: minionID, job: nil,
                ReleaseDraft(adapter: imported.adapter, collection: imported.collection, evaluation: imported.evaluation), at: states.now)
            let release = try JobQueue.insert(
                connection, id: RowID.make("rel"), user: userID, minion: minionID, job: nil, adapter: imported.adapter?.id,
                collection: imported.collection?.id, version: imported.collection?.version, content: imported.content,
                evaluation: imported.evaluation, reason: "imported", at: states.now)
            try ReleaseLog.note(connection, user: userID, release, "imported", reason: nil, at: states.now)
            try connection.audit(.releaseImport, target: release.id, of: userID, ["minion": minionID])
            let result = promotes ? try states.activate(release, reason: "promoted at import") : release
            if appliesSettings { try apply(connection, release, minionID) }
            return result
        }
    }
}
