import Answers
import Calls
import Foundation
import Knowledge

/// Lays beside a finished adapter what answers need of it: the user's own training replies with the vectors
/// of what they reply to, and how it restyles.
package struct VoiceStage: Sendable {
    let embedder: @Sendable () async throws -> any IndexingEmbedder

    func run(_ prepared: PreparedData, _ trained: TrainedAdapter, _ context: JobContext) async throws {
        if let restyle = prepared.restyle { try restyle.write(to: trained.folder) }
        guard let file = prepared.replies ?? prepared.train else { return }
        let items = try Self.examples(file, seed: context.job.config.seed)
        let engine = try await embedder()
        do {
            var vectors: [Float] = []
            for start in stride(from: 0, to: items.count, by: 64) {
                let batch = items[start..<min(start + 64, items.count)].map(\.message)
                vectors += try await engine.embed(batch, kind: .passage).values
                try await context.progress(Double(start + batch.count) / Double(items.count))
            }
            try VoiceExamples(
                items: items, vectors: vectors, dimension: engine.identity.dimension, embedder: engine.identity.model
            ).byTypicality().write(to: trained.folder)
        } catch {
            await engine.stop()
            throw error
        }
        await engine.stop()
    }

    /// Each example's last learned reply and the message before it, by seeded hash where there are too many.
    package static func examples(_ file: URL, seed: Int) throws -> [VoiceExample] {
        struct Example: Decodable {
            struct Message: Decodable {
                var role: String
                var content: String
                var weight: Int?
            }
            var messages: [Message]
        }
        let lines = try Data(contentsOf: file).split(separator: 0x0A).map { (hash: RestylePairs.seededHash(Data($0), seed: seed), line: $0) }
        let chosen = lines.count > VoiceExamples.capacity ? Array(lines.sorted { $0.hash < $1.hash }.prefix(VoiceExamples.capacity)) : lines
        return try chosen.compactMap { entry in
            let messages = try JSONDecoder().decode(Example.self, from: entry.line).messages
            guard let at = messages.lastIndex(where: { $0.role == "assistant" && $0.weight != 0 && !$0.content.isEmpty }) else { return nil }
            let message = messages[..<at].last { $0.role == "user" }?.content ?? ""
            return VoiceExample(message: cut(message), reply: cut(messages[at].content))
        }
    }

    private static func cut(_ text: String) -> String {
        guard text.unicodeScalars.count > VoiceExamples.longest else { return text }
        let head = String(text.unicodeScalars.prefix(VoiceExamples.longest))
        return (head.lastIndex(where: \.isWhitespace).map { String(head[..<$0]) } ?? String(head)) + " …"
    }
}
