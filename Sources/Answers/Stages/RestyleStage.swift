import Calls
import Domain
import Foundation
import Knowledge
import Providers

/// Puts the external model's reply into the user's voice, piece by piece: the local model with the adapter
/// says each again, and what lost meaning on the way stays as the external model wrote it.
///
/// The client gets every piece as soon as it is judged.
struct RestyleStage: MakingStage {
    let local: LocalModel
    let embedder: QueryEmbedder

    var name: String { "restyle" }
    func applies(to plan: AnswerPlan) -> Bool { plan.order == .restyleLast }

    struct Styled: Sendable {
        var text: String
        /// Nil where nothing was tried.
        var trace: RestyleTrace?
        var degraded: [Degradation] = []
    }

    func run(_ context: AnswerContext, _ state: inout AnswerState) async throws {
        guard var reply = state.reply else { return }
        if context.plan.restyles, let cited = state.cited { (reply.text, state.removed) = cited.cleaned(reply.text) }
        let before = state
        let styled = try await styled(reply, context) { await before.tell(.text($0), context) }
        reply.text = styled.text
        state.reply = reply
        state.trace.restyle = styled.trace
        state.trace.degraded += styled.degraded
    }

    private func styled(_ reply: ChatReply, _ context: AnswerContext, _ tell: (String) async -> Void) async throws -> Styled {
        func unchanged(_ reason: String?) async -> Styled {
            if context.plan.restyles, !reply.text.isEmpty { await tell(reply.text) }
            let degraded = reason.map {
                Degradation(stage: "restyle", reason: $0, effect: "the reply is as the external model wrote it", lacks: .voice)
            }
            return Styled(text: reply.text, degraded: degraded.map { [$0] } ?? [])
        }
        // A call of a tool and JSON are for a program, not for somebody to hear a voice in.
        guard reply.toolCalls.isEmpty, !context.question.wantsJSON, !reply.text.isEmpty else { return await unchanged(nil) }
        guard let voice = context.materials.voice else { return await unchanged("the minion has no adapter") }
        guard let profile = try RestyleProfile.read(voice.folder) else {
            return await unchanged("the adapter was not trained to restyle: train the minion with \"restyle\": true")
        }
        let judge: RestyleJudge
        do { judge = try await RestyleJudge(profile, threshold: context.minion.pipeline.restyleThreshold, embedder) } catch is CancellationError {
            throw CancellationError()
        } catch { return await unchanged("whether meaning is kept cannot be measured: \(error)") }
        return try await restyle(reply.text, voice, profile, judge, context, tell)
    }

    private func restyle(
        _ text: String, _ voice: VoiceAdapter, _ profile: RestyleProfile, _ judge: RestyleJudge, _ context: AnswerContext,
        _ tell: (String) async -> Void
    ) async throws -> Styled {
        let seconds = context.minion.pipeline.restyleTimeout
        let end = ContinuousClock.now + .seconds(seconds)
        var styled = Styled(text: "")
        var pieces: [RestyleTrace.Piece] = []
        var isLate = false
        for piece in RestylePiece.split(text) {
            var said = piece.lead + piece.text + piece.tail
            let (bare, marks) = CitationMarks.removed(from: piece.text)
            if piece.isProse {
                let verdict = isLate ? Self.late(bare, seconds) : try await self.verdict(bare, voice, profile, judge, context, until: end)
                isLate = isLate || verdict == Self.late(bare, seconds)
                if verdict.kept, let again = verdict.restyled { said = piece.lead + CitationMarks.restored(marks, to: again) + piece.tail }
                pieces.append(verdict)
            }
            styled.text += said
            await tell(said)
        }
        let kept = pieces.count(where: \.kept)
        styled.trace = RestyleTrace(
            original: text, restyled: styled.text, kept: kept == 0 ? .none : kept == pieces.count ? .all : .some, adapterID: voice.id,
            scale: context.plan.scale, threshold: judge.threshold, pieces: pieces)
        if let degraded = Self.degraded(pieces, kept) { styled.degraded.append(degraded) }
        return styled
    }

    private static func late(_ text: String, _ seconds: Double) -> RestyleTrace.Piece {
        RestyleTrace.Piece(original: text, reason: "not ready after \(seconds) s")
    }

    /// One piece said again and judged.
    private func verdict(
        _ text: String, _ voice: VoiceAdapter, _ profile: RestyleProfile, _ judge: RestyleJudge, _ context: AnswerContext,
        until end: ContinuousClock.Instant
    ) async throws -> RestyleTrace.Piece {
        let seconds = context.minion.pipeline.restyleTimeout
        var first: RestyleTrace.Piece?
        // The likeliest words keep the most and change the least; where they changed nothing or lost something, others are drawn.
        for temperature in Self.temperatures {
            var piece = RestyleTrace.Piece(original: text)
            do {
                let left = max(.zero, ContinuousClock.now.duration(to: end))
                let again = try await DeadlineExceeded.within(left, "the restyled reply") { [self] in
                    try await say(text, voice, profile, temperature, context, limit: .seconds(seconds))
                }
                piece.restyled = again.text
                piece = try await judge.judge(piece, isCut: again.isCut)
            } catch is DeadlineExceeded { return first ?? Self.late(text, seconds) } catch is CancellationError { throw CancellationError() } catch {
                piece.reason = "\(error)"
                return first ?? piece
            }
            if piece.kept && piece.restyled != text { return piece }
            // One that came back as it was is better than one that lost something.
            if first?.kept != true { first = piece }
        }
        return first ?? RestyleTrace.Piece(original: text)
    }

    private static let temperatures = [0, 0.7]

    private static func degraded(_ pieces: [RestyleTrace.Piece], _ kept: Int) -> Degradation? {
        guard kept < pieces.count, let first = pieces.first(where: { !$0.kept }) else { return nil }
        return Degradation(
            stage: "restyle", reason: "\(pieces.count - kept) of \(pieces.count) pieces were discarded, the first because: \(first.reason ?? "")",
            effect: "they are as the external model wrote them", lacks: .voice)
    }

    /// One piece in the voice.
    private func say(
        _ text: String, _ voice: VoiceAdapter, _ profile: RestyleProfile, _ temperature: Double, _ context: AnswerContext, limit: Duration
    ) async throws -> (text: String, isCut: Bool) {
        let ledger = context.calls.ledger
        let reply = try await local.reply(
            [ChatMessage(.user, RestyleProfile.prompt(profile.instruction, text))],
            // A voice may be wordier than what it says again, within reason.
            Sampling(
                temperature: temperature, topP: 0.9, maxTokens: 32 + 2 * UsageEstimate.tokens(bytes: text.utf8.count),
                seed: context.question.sampling.seed ?? 7),
            for: context.minion.userID, voice: voice, scale: context.plan.scale, decoding: .rewriting, limit: limit,
            onAttempt: { ledger.add($0, purpose: "restyle") })
        return (reply.text.trimmingCharacters(in: .whitespacesAndNewlines), reply.finish == .length)
    }
}
