import Calls
import Foundation
import Providers
import Store

extension Answer {
    /// Whether a later question may get this answer: it is whole, and nothing that may pass by itself made it worse.
    var mayBeKept: Bool {
        guard [.stop, .length, .toolCalls].contains(finishReason) else { return false }
        // Straight from a model nothing is missing but what a first model, asked in vain, would have said.
        return trace.order == nil ? trace.attempts.allSatisfy { $0.outcome == Attempt.ok } : degraded.allSatisfy { $0.stage == CiteStage.name }
    }

    /// As it lies in the cache: of a direct minion's requests nothing is kept but the reply.
    var asKept: Answer {
        guard trace.order == nil else { return self }
        var kept = self
        kept.trace.prompt = []
        kept.trace.attempts = []
        return kept
    }

    /// The same answer given again: nobody was called for it.
    func fromCache(_ timing: StageTiming) -> Answer {
        var answer = self
        answer.cached = true
        answer.trace.cached = true
        answer.trace.attempts = []
        answer.trace.stages = [timing]
        answer.trace.tokens = .none
        return answer
    }
}

extension TokenTotals {
    /// Nothing used, nothing to pay.
    static var none: TokenTotals {
        var totals = TokenTotals()
        totals.cost = 0
        return totals
    }
}

extension Question {
    /// As part of a cache key: how the reply travels makes no other reply.
    var asCacheKey: Question {
        var question = self
        question.stream = false
        question.conversationID = nil
        return question
    }
}

extension UsageRecord {
    /// An answer that cost nothing. It has no tokens: none were bought.
    static func cacheHit(_ minion: Minion, answerID: String?, provider: String, model: String, at: Date, milliseconds: Double) -> UsageRecord {
        UsageRecord(
            minionID: minion.id, answerID: answerID, purpose: "answer", provider: provider, model: model, at: at, inputTokens: nil,
            outputTokens: nil, cachedTokens: nil, isEstimate: false, cost: 0, latencyMilliseconds: milliseconds, firstTokenMilliseconds: nil,
            outcome: "cache_hit")
    }
}
