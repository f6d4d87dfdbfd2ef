import Providers
import Store

extension AnswerPipeline: Answering {
    func cost(_ minion: Minion, _ question: Question) async throws -> Double? {
        let router = try await catalog.router(for: minion, from: router)
        // As if the release that is being measured was there.
        var released = minion
        released.releaseID = minion.releaseID ?? "evaluated"
        let usage = SpendingEstimate(question, minion: released, prices: router.prices) { router.registry[$0]?.info.isManaged ?? false }.usage
        return answersLocally(minion) ? 0 : try await price(minion)?.cost(usage)
    }

    func answersLocally(_ minion: Minion) -> Bool { router.registry[minion.provider]?.info.isManaged ?? false }
}
