import Calls
import Files
import Foundation
import LocalModels
import Store

/// What an answer is made with beside the minion's settings: a release's, or what a job has made and not
/// published yet.
public struct AnswerMaterials: Sendable {
    public var releaseID: String?
    public var releaseNumber: Int?
    public var voice: VoiceAdapter?
    public var collection: Collection?
    /// Nil takes what there is, be it unfinished.
    public var collectionVersion: Int?

    public init(
        releaseID: String? = nil, releaseNumber: Int? = nil, voice: VoiceAdapter? = nil, collection: Collection? = nil, collectionVersion: Int? = nil
    ) {
        self.releaseID = releaseID
        self.releaseNumber = releaseNumber
        self.voice = voice
        self.collection = collection
        self.collectionVersion = collectionVersion
    }

    /// Those of the minion's release.
    static func load(_ minion: Minion, _ store: Store, _ data: DataDirectory) async throws -> AnswerMaterials {
        let rows = store.user(minion.userID)
        // Before its first release a minion knows what is already cut of the collection that is being built for it.
        guard let releaseID = minion.releaseID else { return AnswerMaterials(collection: try await rows.collectionForMinion(minion.id)) }
        let release = try await rows.release(releaseID)
        var materials = AnswerMaterials(releaseID: release.id, releaseNumber: release.number, collectionVersion: release.collectionVersion)
        if let id = release.adapterID { materials.voice = VoiceAdapter(try await rows.adapter(id), data) }
        if let id = release.collectionID { materials.collection = try await rows.collection(id) }
        return materials
    }
}
