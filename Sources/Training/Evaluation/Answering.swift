import Answers
import Domain
import Store

/// What the evaluation asks: the same pipeline that answers users.
protocol Answering: Sendable {
    /// Answers with what is given in place of the minion's release, past the response cache, and keeps nothing but
    /// the usage, which is recorded under `purpose`.
    /// - Throws: ``RouterError``, ``LimitExceeded``; `CancellationError`.
    func answer(_ minion: Minion, _ question: Question, with materials: AnswerMaterials, purpose: String?) async throws -> Answer

    /// What the questions may come to at the minion's model, in US dollars; nil where the price is unknown.
    func cost(_ minion: Minion, _ questions: [Question]) async throws -> Double?

    /// Whether the minion's own model is run by this server.
    func answersLocally(_ minion: Minion) -> Bool
}

extension Minion {
    /// Asked as a bare model: the messages as they are, and nothing else.
    func bare(_ model: ModelRoute? = nil) -> Minion {
        var bare = self
        if let model {
            bare.provider = model.provider
            bare.modelID = model.model
            bare.baseURL = nil
        }
        bare.systemPrompt = ""
        bare.fallbacks = []
        bare.pipeline.mode = .direct
        bare.pipeline.cache = .off
        return bare
    }
}
