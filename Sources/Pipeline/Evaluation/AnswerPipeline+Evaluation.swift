import Providers
import Store

extension AnswerPipeline: Answering {
    func cost(_ minion: Minion, _ question: Question) async throws -> Double? {
        let router = try await catalog.router(for: minion, from: router)
        return SpendingEstimate(question, minion: minion, prices: router.prices) { router.registry[$0]?.info.isManaged ?? false }.cost
    }

    func answersLocally(_ minion: Minion) -> Bool { router.registry[minion.provider]?.info.isManaged ?? false }
}
