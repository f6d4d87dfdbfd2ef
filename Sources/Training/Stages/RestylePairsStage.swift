import Answers
import Calls
import Crypto
import Domain
import Foundation
import Knowledge
import Store

/// Makes what an adapter learns restyling from: each piece of the user's own training replies, said in
/// plain prose by the external or the base model, is to be turned back into the user's words. The same pairs
/// set the scale of meaning (``RestyleProfile``): no adapter has a part in it, so it needs no held-out replies,
/// and those stay out of every prompt.
///
/// A paraphrase is kept with its job as soon as it is there: one that is started again, and a later job
/// with the same replies, pays for none twice.
struct RestylePairsStage: Sendable {
    let store: Store
    let answers: AnswerPipeline
    let embedder: @Sendable () async throws -> any IndexingEmbedder

    /// A paraphrase that repeats so much of its reply teaches copying.
    static let mostCopied = 0.8
    /// Fewer usable pairs than these teach nothing.
    static let fewest = 2

    func applies(_ context: JobContext) async throws -> Bool {
        let job = context.job
        guard job.trainingType.trainsAdapter else { return false }
        return job.config.restyles(try await store.user(job.userID).minion(job.minionID))
    }

    /// - Returns: the data with a longer training file; its replies alone stay where they were.
    func run(_ prepared: PreparedData, _ context: JobContext) async throws -> PreparedData {
        guard let train = prepared.train, let validation = prepared.validation else {
            throw JobFailure(step: context.stage, code: .internal, message: "no prepared examples")
        }
        let (job, config) = (context.job, context.job.config)
        let minion = try await store.user(job.userID).minion(job.minionID)
        let heldOut = Set(try RestylePairs.pieces(validation, seed: config.seed, limit: .max))
        let all = try RestylePairs.pieces(train, seed: config.seed, limit: .max, without: heldOut)
        let training = Array(all.prefix(config.restylePairs))
        let paraphraser = answers.paraphraser(minion, config)
        try await context.event("log", ["message": "\(training.count) of \(all.count) pieces of training replies are paraphrased by \(paraphraser)"])

        let plain = try await paraphrase(training, minion, paraphraser, context)
        let engine = try await embedder()
        let judged: (pairs: [RestylePairs.Pair], scale: MeaningScale)
        let reworded = zip(training, plain).map { RestylePairs.Pair(plain: $1, own: $0) }.filter { $0.copied < Self.mostCopied }
        do { judged = try await judge(reworded, engine) } catch {
            await engine.stop()
            throw error
        }
        await engine.stop()
        guard judged.pairs.count >= Self.fewest else {
            throw JobFailure(
                step: context.stage, code: .restylePairsUnusable,
                message: "of \(training.count) paraphrases by \(paraphraser), \(judged.pairs.count) say what the replies say in other words",
                hint: "let a better model paraphrase (restyle_paraphraser), add examples, or train without restyle")
        }
        try await context.event(
            "log",
            [
                "message":
                    "\(judged.pairs.count) of \(training.count) paraphrases are trained on; \(training.count - reworded.count) repeat their replies "
                    + "nearly word for word, the others say something else"
            ])

        var longer = prepared
        longer.replies = train
        longer.train = try context.data.folder("\(context.folder)/pairs.\(context.job.attempt)").appending(path: "train.jsonl")
        var lines = try Data(contentsOf: train)
        if lines.last != 0x0A { lines.append(0x0A) }
        for pair in judged.pairs { lines += try RestylePairs.line(pair) + [0x0A] }
        try lines.write(to: longer.train!)
        longer.trainCount += judged.pairs.count
        longer.restyle = RestyleProfile(
            floor: judged.scale.floor, ceiling: judged.scale.ceiling, embedder: engine.identity.model, paraphraser: "\(paraphraser)",
            pairs: judged.pairs.count)
        return longer
    }

    /// The paraphrase of each, in order; empty where there is none that can be used.
    private func paraphrase(
        _ pieces: [String], _ minion: Minion, _ paraphraser: Paraphraser, _ context: JobContext
    ) async throws -> [String] {
        let purse = try await Purse(paraphraser, minion, context.job.config, answers, step: context.stage)
        let rows = store.user(minion.userID)
        var plain = [String](repeating: "", count: pieces.count)
        var done = 0
        try await withThrowingTaskGroup(of: (Int, String).self) { group in
            var next = pieces.indices.makeIterator()
            func begin() {
                guard let index = next.next() else { return }
                let piece = pieces[index]
                let hash = Self.hash(piece, paraphraser)
                group.addTask {
                    if let kept = try await rows.paraphrase(hash) { return (index, kept) }
                    let text = try await purse.pay(for: piece) { try await answers.paraphrase(piece, minion, by: paraphraser) }
                    try await rows.saveParaphrase(text, hash: hash, job: context.job.id)
                    return (index, text)
                }
            }
            // As many as the local server has slots for; a vendor takes that many from anybody.
            for _ in 0..<(paraphraser == .base ? 2 : 4) { begin() }
            do {
                while let (index, text) = try await group.next() {
                    plain[index] = text
                    done += 1
                    var details = ProgressDetails()
                    details.step = done
                    details.steps = pieces.count
                    try await context.progress(Double(done) / Double(max(1, pieces.count)), details)
                    begin()
                }
            } catch is CancellationError { throw CancellationError() } catch let failure as JobFailure { throw failure } catch {
                throw JobFailure(
                    step: context.stage, code: .paraphraseFailed, message: "\(paraphraser) does not paraphrase: \(error)",
                    hint: "start the job again: the \(done) of \(pieces.count) paraphrases that are there are kept")
            }
        }
        return plain
    }

    /// Pairs whose plain text says what the reply says.
    private func judge(
        _ pairs: [RestylePairs.Pair], _ engine: any IndexingEmbedder
    ) async throws -> ([RestylePairs.Pair], MeaningScale) {
        func scale(_ pairs: [RestylePairs.Pair]) async throws -> MeaningScale {
            var vectors: [[Float]] = []
            for texts in [pairs.map(\.plain), pairs.map(\.own)] {
                var all: [Float] = []
                for start in stride(from: 0, to: texts.count, by: 64) {
                    all += try await engine.embed(Array(texts[start..<min(start + 64, texts.count)]), kind: .passage).values
                }
                vectors.append(all)
            }
            return MeaningScale(plain: vectors[0], own: vectors[1], dimension: engine.identity.dimension)
        }
        var usable = pairs.filter { Self.isUsable($0) }
        if usable.count >= Self.fewest {
            let scale = try await scale(usable)
            usable = zip(usable, scale.cosines).filter { $1 > scale.chance }.map(\.0)
        }
        return (usable, try await scale(usable))
    }

    /// One much shorter or longer than its reply says something else.
    private static func isUsable(_ pair: RestylePairs.Pair) -> Bool {
        let ratio = Double(pair.plain.count) / Double(max(1, pair.own.count))
        return !pair.plain.isEmpty && (0.3...3).contains(ratio)
    }

    private static func hash(_ piece: String, _ paraphraser: Paraphraser) -> String {
        SHA256.hash(data: Data("\(Paraphraser.instruction)\u{0}\(paraphraser)\u{0}\(piece)".utf8)).hex
    }
}

extension TrainingConfig {
    /// Whether the adapter is trained to restyle too.
    func restyles(_ minion: Minion) -> Bool { restyle ?? (minion.pipeline.order == .restyleLast) }
}
