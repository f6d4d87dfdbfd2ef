import Answers
import Calls
import Domain
import Providers
import Store

/// What the paraphrases of a job may come to, before it is made.
public struct RestyleEstimate: Sendable, Equatable {
    /// The most pieces of replies that are paraphrased.
    public var pieces: Int
    public var paraphraser: String
    /// US dollars at most; nil where the price is unknown; 0 where the local model does it.
    public var cost: Double?

    /// Bytes of a piece of sixty words.
    private static let pieceBytes = 420

    init(_ paraphraser: Paraphraser, _ config: TrainingConfig, _ datasets: [Dataset], price: Price?) {
        self.paraphraser = "\(paraphraser)"
        let chats = datasets.filter { $0.datasetType == .jsonl }
        let bytes = chats.reduce(0) { $0 + $1.bytes }
        let there = max(chats.reduce(0) { $0 + $1.sampleCount }, bytes / Self.pieceBytes)
        pieces = min(there, config.restylePairs)
        guard paraphraser != .base else {
            cost = 0
            return
        }
        let one = Paraphraser.estimate(bytes: min(Self.pieceBytes, bytes / max(1, pieces)))
        cost = price?.cost(TokenUsage(input: one.input * pieces, output: one.output * pieces))
    }
}

extension AnswerPipeline {
    /// What a job's paraphrases may cost; nil where it makes none.
    public func restyleEstimate(_ draft: TrainingJobDraft, _ minion: Minion, _ datasets: [Dataset]) async throws -> RestyleEstimate? {
        guard draft.trainingType.trainsAdapter, draft.config.restyles(minion) else { return nil }
        let paraphraser = paraphraser(minion, draft.config)
        return RestyleEstimate(paraphraser, draft.config, datasets, price: paraphraser == .base ? nil : try await price(minion))
    }

    /// What the minion's model costs at most: in each part the dearest of its keys' own prices, else the price list's.
    func price(_ minion: Minion) async throws -> Price? {
        let targets = try await caller.targets(of: minion)
        let routes = targets.resolved.routes
        let known = targets.router(caller.router).prices.price(provider: minion.provider, model: minion.modelID)
        let own = routes.filter { $0.group == 0 }.map { $0.price ?? known }
        // One key whose price nobody knows may be the one that is asked.
        guard own.allSatisfy({ $0 != nil }) else { return nil }
        return own.compactMap { $0 }.reduce(nil) { Price.dearest($0, $1) } ?? known
    }
}
