import Providers
import Store

extension AnswerPipeline {
    /// Texts in one call of an embedder.
    private static let embeddedAtOnce = 32

    /// What a job may come to at vendors, part by part. Upper bounds: every example there may be is asked, every answer as long as it
    /// may be.
    public func costs(_ draft: TrainingJobDraft, _ minion: Minion, _ datasets: [Dataset]) async throws -> [JobCost] {
        var costs: [JobCost] = []
        if let restyle = try await restyleEstimate(draft, minion, datasets), paraphraser(minion, draft.config) != .base {
            costs.append(JobCost(purpose: .paraphrase, model: restyle.paraphraser, calls: restyle.pieces, cost: restyle.cost))
        }
        if let embedder = draft.config.embedder, draft.trainingType.buildsCollection {
            costs.append(try await embedding(embedder, draft.config, minion, datasets))
        }
        if draft.config.evaluation.enabled { costs += try await evaluation(draft, minion, datasets) }
        return costs
    }

    private func embedding(_ route: ModelRoute, _ config: TrainingConfig, _ minion: Minion, _ datasets: [Dataset]) async throws -> JobCost {
        let documents = datasets.filter { $0.datasetType == .rag }
        let once = UsageEstimate.tokens(bytes: documents.reduce(0) { $0 + $1.bytes })
        let step = config.chunkTokens - config.chunkOverlap
        let chunks = once / step + documents.count
        // What chunks share is read with each of them.
        let tokens = once + chunks * config.chunkOverlap
        let price = try await price(minion.bare(route))
        return JobCost(
            purpose: .embedding, model: route.embedderName, calls: chunks / Self.embeddedAtOnce + 2,
            cost: price?.cost(TokenUsage(input: tokens, output: 0)))
    }

    private func evaluation(_ draft: TrainingJobDraft, _ minion: Minion, _ datasets: [Dataset]) async throws -> [JobCost] {
        let settings = draft.config.evaluation
        let asked = EvaluationSize(draft, datasets, restyles: draft.config.restyles(minion))
        var costs: [JobCost] = []
        if !answersLocally(minion) {
            let making = TokenUsage(input: asked.made * EvaluationSize.madeInput, output: asked.made * EvaluationSize.madeOutput)
            var sum = try await price(minion)?.cost(making)
            for arm in asked.arms {
                for (bytes, count) in [(asked.messageBytes, asked.messages), (EvaluationSize.questionBytes, asked.questions)] {
                    let message = ChatMessage(.user, String(repeating: "x", count: bytes))
                    let one = try await cost(minion, arm.question([message], .init(maxTokens: settings.maxTokens), answersLocally: false))
                    sum = sum.flatMap { sum in one.map { sum + Double(count) * $0 } }
                }
            }
            costs.append(
                JobCost(purpose: .evaluation, model: "\(minion.provider)/\(minion.modelID)", calls: asked.answers + asked.made, cost: sum))
        }
        if let judge = settings.judge, asked.comparisons > 0 {
            let input = EvaluationSize.judgeInput + 2 * settings.maxTokens
            let usage = TokenUsage(input: asked.comparisons * input, output: asked.comparisons * PairwiseJudge.maxTokens)
            let price = try await price(minion.bare(judge))
            costs.append(JobCost(purpose: .judge, model: "\(judge.provider)/\(judge.model)", calls: asked.comparisons, cost: price?.cost(usage)))
        }
        return costs
    }
}
