import Calls
import Files
import Foundation
import Knowledge

/// Decides whether a restyled piece still says what it said.
struct RestyleJudge: Sendable {
    let threshold: Double
    private let profile: RestyleProfile
    private let engine: EngineEmbedder

    /// - Throws: ``LocalModelError`` where no embedder runs; ``LocatedError`` where it is another than the profile's.
    init(_ profile: RestyleProfile, threshold: Double, _ embedder: QueryEmbedder) async throws {
        engine = try await embedder.engine()
        guard engine.identity.model == profile.embedder else {
            throw LocatedError("the adapter was measured with \(profile.embedder), and here runs \(engine.identity.model)")
        }
        self.profile = profile
        self.threshold = threshold
    }

    /// - Parameter isCut: whether the local model ran into its bound.
    /// - Returns: the piece with what was measured, and the reason where it is discarded.
    func judge(_ piece: RestyleTrace.Piece, isCut: Bool) async throws -> RestyleTrace.Piece {
        var piece = piece
        guard let restyled = piece.restyled, !restyled.isEmpty else {
            piece.reason = "the local model said nothing"
            return piece
        }
        let cosine = try await Self.cosine(piece.original, restyled, engine)
        let meaning = profile.meaning(cosine: cosine)
        piece.similarity = (cosine * 1000).rounded() / 1000
        piece.meaning = (meaning * 1000).rounded() / 1000
        let lost = RestyleFacts.lost(piece.original, restyled)
        if !lost.isEmpty { piece.lost = lost }
        if isCut {
            piece.reason = "it ran longer than twice the original and was cut off"
        } else if !lost.isEmpty {
            let (added, gone) = (lost.filter { $0.hasPrefix("+") }.map { String($0.dropFirst()) }, lost.filter { !$0.hasPrefix("+") })
            piece.reason = [
                gone.isEmpty ? nil : "it lost \(gone.joined(separator: ", "))", added.isEmpty ? nil : "it added \(added.joined(separator: ", "))",
            ]
            .compactMap { $0 }.joined(separator: "; ")
        } else if meaning < threshold {
            piece.reason = "its meaning is \(piece.meaning!), below \(threshold)"
        }
        piece.kept = piece.reason == nil
        return piece
    }

    static func cosine(_ a: String, _ b: String, _ engine: EngineEmbedder) async throws -> Double {
        let batch = try await engine.embed([a, b], kind: .passage)
        return (0..<batch.dimension).reduce(0) { $0 + Double(batch.values[$1]) * Double(batch.values[batch.dimension + $1]) }
    }
}
