import Calls
import Domain
import Files
import Foundation
import Knowledge

/// Picks replies of the user's own that stand for the voice: those to the messages most like the question.
struct VoiceExamplesStage: GatheringStage {
    let library: VoiceLibrary
    let embedder: QueryEmbedder

    var name: String { "examples" }
    var effect: String { "the prompt is without replies of the user's own" }
    var lacks: Degradation.Half? { nil }
    var isToldWhereSkipped: Bool { false }
    func applies(to plan: AnswerPlan) -> Bool { plan.examples > 0 }

    func gather(_ context: AnswerContext) async throws -> @Sendable (inout Trace) -> Void {
        let (examples, degraded) = try await find(context)
        return {
            $0.voiceExamples = examples
            if let degraded { $0.degraded.append(degraded) }
        }
    }

    /// - Returns: the most similar first; where no embedder runs, the most typical ones and the reason.
    private func find(_ context: AnswerContext) async throws -> (examples: [VoiceExample], degraded: Degradation?) {
        guard let voice = context.materials.voice else { return ([], nil) }
        let examples = try await library.examples(in: voice.folder)
        let count = context.plan.examples
        do {
            let engine = try await embedder.engine()
            guard engine.identity.model == examples.embedder else {
                throw LocatedError("they were embedded with \(examples.embedder), and here runs \(engine.identity.model)")
            }
            let question = try await engine.embed([context.question.text], kind: .passage)
            return (examples.closest(to: question.values, count: count), nil)
        } catch is CancellationError { throw CancellationError() } catch {
            return (
                Array(examples.items.prefix(count)),
                Degradation(stage: name, reason: "\(error)", effect: "typical replies stand for the voice instead of the most similar ones")
            )
        }
    }
}
