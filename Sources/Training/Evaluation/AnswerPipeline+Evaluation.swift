import Answers
import Domain
import Providers
import Store

extension AnswerPipeline: Answering {
    func cost(_ minion: Minion, _ questions: [Question]) async throws -> Double? {
        guard !answersLocally(minion) else { return 0 }
        guard let price = try await price(minion) else { return nil }
        return price.cost(try await usage(minion, questions))
    }

    /// What the answers may come to at the minion's model, as if the release that is to be measured was there.
    func usage(_ minion: Minion, _ questions: [Question]) async throws -> TokenUsage {
        var released = minion
        released.releaseID = minion.releaseID ?? "evaluated"
        var sum = TokenUsage(input: 0, output: 0)
        for question in questions {
            sum += SpendingEstimate(question, minion: released, provider: caller.catalog.standard[minion.provider]?.info).usage
        }
        return sum
    }

    func answersLocally(_ minion: Minion) -> Bool { isManaged(minion.provider) }
}
