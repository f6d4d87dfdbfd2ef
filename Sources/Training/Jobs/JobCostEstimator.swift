import Answers
import Domain
import Files
import Foundation
import Knowledge
import Providers
import Store

/// Estimates what a job comes to at vendors, part by part. Lengths that nobody knows before are means and usual sizes, fallbacks are
/// left out, and every example there may be is counted: budgets bound what is spent, not this.
public struct JobCostEstimator: Sendable {
    /// Texts in one call of an embedder.
    private static let embeddedAtOnce = 32
    /// Calls that ask how long a vector is, before and while it is built.
    private static let probes = 2
    /// Title and headings of a chunk, in tokens.
    private static let prefix = 30

    let store: Store
    let data: DataDirectory
    let answers: AnswerPipeline

    public init(store: Store, data: DataDirectory, answers: AnswerPipeline) {
        self.store = store
        self.data = data
        self.answers = answers
    }

    public func costs(_ draft: TrainingJobDraft, user: String) async throws -> [JobCost] {
        let rows = store.user(user)
        let minion = try await rows.minion(draft.minionID)
        var datasets: [Dataset] = []
        for id in draft.datasetIDs { datasets.append(try await rows.dataset(id)) }
        var costs: [JobCost] = []
        if let restyle = try await answers.restyleEstimate(draft, minion, datasets), answers.paraphraser(minion, draft.config) != .base {
            costs.append(JobCost(purpose: .paraphrase, model: restyle.paraphraser, calls: restyle.pieces, cost: restyle.cost))
        }
        let isGiven = try datasets.contains { try $0.datasetType == .custom && !QuestionFile.read(data.url($0.filePath)).isEmpty }
        let asked = EvaluationSize(draft, datasets, restyles: draft.config.restyles(minion), areQuestionsGiven: isGiven)
        if let embedder = draft.config.embedder, draft.trainingType.buildsCollection {
            costs.append(try await embedding(embedder, draft.config, minion, datasets.filter { $0.datasetType == .rag }, asked))
        }
        if draft.config.evaluation.enabled { costs += try await evaluation(draft.config, minion, asked) }
        return costs
    }

    private func embedding(
        _ route: ModelRoute, _ config: TrainingConfig, _ minion: Minion, _ documents: [Dataset], _ asked: EvaluationSize
    ) async throws -> JobCost {
        // Of the text that was read, not of the files, which may be archives.
        let text = documents.reduce(0) { sum, dataset in
            sum + ((try? data.url(dataset.documentsPath).resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? dataset.bytes)
        }
        let overlap = min(config.chunkOverlap, config.chunkTokens / 2)
        var tokens = UsageEstimate.tokens(bytes: text)
        // A document has one at least.
        var chunks = tokens / (config.chunkTokens - overlap) + documents.reduce(0) { $0 + $1.sampleCount }
        tokens += chunks * (overlap + Self.prefix)
        // With another embedder what stays is embedded anew.
        if config.collectionUpdate != .replaceAll, let kept = try await store.user(minion.userID).collectionForMinion(minion.id),
            kept.embedder != route.embedderName
        {
            chunks += kept.chunkCount
            tokens += kept.chunkCount * config.chunkTokens
        }
        // The evaluation's questions are embedded for every search.
        let searches = config.evaluation.enabled ? asked.searches : 0
        tokens += searches * UsageEstimate.tokens(bytes: max(asked.messageBytes, EvaluationSize.questionBytes))
        let price = try await answers.price(asking(route, for: minion))
        return JobCost(
            purpose: .embedding, model: route.embedderName, calls: (chunks + Self.embeddedAtOnce - 1) / Self.embeddedAtOnce + Self.probes + searches,
            cost: price?.cost(TokenUsage(input: tokens, output: 0)))
    }

    private func evaluation(_ config: TrainingConfig, _ minion: Minion, _ asked: EvaluationSize) async throws -> [JobCost] {
        let settings = config.evaluation
        var costs: [JobCost] = []
        if !answers.answersLocally(minion) {
            var usage = TokenUsage(input: asked.made * EvaluationSize.madeInput, output: asked.made * EvaluationSize.madeOutput)
            for arm in asked.arms {
                for (bytes, count) in [(asked.messageBytes, asked.messages), (EvaluationSize.questionBytes, asked.questions)] {
                    let message = ChatMessage(.user, String(repeating: "x", count: bytes))
                    let one = try await answers.usage(
                        minion, [arm.question([message], .init(maxTokens: settings.maxTokens), answersLocally: false)])
                    usage.input += count * (one.input + (arm.hasPassages ? EvaluationSize.passageTokens(minion.pipeline, config) : 0))
                    usage.output += count * one.output
                }
            }
            let price = try await answers.price(minion)
            costs.append(
                JobCost(
                    purpose: .evaluation, model: "\(minion.provider)/\(minion.modelID)", calls: asked.answers + asked.made, cost: price?.cost(usage)))
        }
        if let judge = settings.judge, asked.comparisons > 0 {
            let usage = TokenUsage(
                input: asked.comparisons * asked.judgeTokens(config), output: asked.comparisons * PairwiseJudge.maxTokens)
            let price = try await answers.price(asking(judge, for: minion))
            costs.append(
                JobCost(purpose: .judge, model: "\(judge.provider)/\(judge.model)", calls: asked.comparisons, cost: price?.cost(usage)))
        }
        return costs
    }

    /// The minion as if it had this model; at its own address where the provider is its own.
    private func asking(_ route: ModelRoute, for minion: Minion) -> Minion {
        var asking = minion.bare(route)
        if route.provider == minion.provider { asking.baseURL = minion.baseURL }
        return asking
    }
}
