import Domain
import Foundation

/// An AI agent of a user (`external_api_models`): an external model, a voice and a knowledge base.
public struct Minion: Sendable, Encodable, Identifiable, Equatable {
    public var id: String
    public var userID: String
    public var name: String
    /// Unique per user; what `/v1/models` lists.
    public var displayName: String
    public var provider: String
    public var modelID: String
    public var baseURL: String?
    public var systemPrompt: String
    public var sampling: Sampling
    /// Tried in order after `provider`/`modelID`.
    public var fallbacks: [ModelRoute]
    public var pipeline: PipelineSettings
    /// Last four characters of the minion token, when one was made.
    public var tokenHint: String?
    public var releaseID: String?
    /// What becomes of a new release.
    public var releasePolicy: ReleasePolicy
    /// The release that is on trial.
    public var canary: Canary?
    public var createdAt: Date
    public var updatedAt: Date

    init(row: Row) throws {
        id = try row.text("id")
        userID = try row.text("user_id")
        name = try row.text("name")
        displayName = try row.text("display_name")
        provider = try row.text("provider")
        modelID = try row.text("model_id")
        baseURL = try row.optionalText("base_url")
        systemPrompt = try row.text("system_prompt")
        sampling = try row.json("sampling")
        fallbacks = try row.json("fallbacks")
        pipeline = try row.json("pipeline")
        tokenHint = try row.optionalText("token_hint")
        releaseID = try row.optionalText("release_id")
        releasePolicy = try row.json("release_policy")
        canary = try row.optionalJSON("canary")
        createdAt = try row.date("created_at")
        updatedAt = try row.date("updated_at")
    }
}

extension Minion {
    /// What stands in for a column that cannot be read, until its user writes the minion anew.
    static var standIns: [String: SQLValue] {
        [
            "sampling": "{}", "fallbacks": "[]", "pipeline": "{}", "release_policy": #"{"margin":0,"mode":"always"}"#, "canary": nil,
            "created_at": SQLValue(Date()), "updated_at": SQLValue(Date()),
        ]
    }

    /// The most characters of each text, whichever way it comes in.
    public enum Bounds {
        public static let provider = 60
        public static let modelID = 200
        public static let systemPrompt = 20_000
    }
}

/// The part of a minion its user writes.
public struct MinionDraft: Sendable, Equatable {
    public var name: String
    public var displayName: String
    public var provider: String
    public var modelID: String
    public var baseURL: String?
    public var systemPrompt: String
    public var sampling: Sampling
    public var fallbacks: [ModelRoute]
    public var pipeline: PipelineSettings
    public var releasePolicy: ReleasePolicy

    public init(
        name: String, displayName: String, provider: String, modelID: String, baseURL: String? = nil, systemPrompt: String = "",
        sampling: Sampling = .init(), fallbacks: [ModelRoute] = [], pipeline: PipelineSettings = .init(),
        releasePolicy: ReleasePolicy = .init()
    ) {
        self.releasePolicy = releasePolicy
        self.name = name
        self.displayName = displayName
        self.provider = provider
        self.modelID = modelID
        self.baseURL = baseURL
        self.systemPrompt = systemPrompt
        self.sampling = sampling
        self.fallbacks = fallbacks
        self.pipeline = pipeline
    }
}
