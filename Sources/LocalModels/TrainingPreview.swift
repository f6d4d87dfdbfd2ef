import Foundation

/// Shows examples as the trainer reads them, with `engine/preview.py`.
public struct TrainingPreview: Sendable {
    public struct Example: Sendable, Codable, Equatable {
        public struct Piece: Sendable, Codable, Equatable {
            public var text: String
            /// Whether its tokens are learned; what is not is only read.
            public var learned: Bool
        }

        /// In the order of the text, which they are when joined.
        public var pieces: [Piece]
        public var tokens: Int
        public var learnedTokens: Int
        /// Whether the beginning of the prompt was cut off to fit.
        public var cut: Bool
        /// Why it is left out of training; absent where it is not.
        public var dropped: String?

        enum CodingKeys: String, CodingKey {
            case pieces, tokens, cut, dropped
            case learnedTokens = "learned_tokens"
        }
    }

    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// - Parameters:
    ///   - lines: `{"messages":[…]}`, one an example.
    ///   - maxTokens: longest example, as the trainer's option.
    /// - Throws: ``LocalModelError``.
    public func render(_ lines: [Data], maxTokens: Int = 1024) async throws -> [Example] {
        struct Line: Decodable {
            var event: String
            var items: [Example]?
            var code: String?
            var message: String?
            var hint: String?
        }
        if let missing = paths.missing() { throw missing }
        let child = Child(paths.command("preview.py", ["--model", paths.baseModelFolder.path, "--max-tokens", String(maxTokens)]))
        child.write(Data(lines.joined(separator: [0x0A])) + [0x0A, 0x0A])
        let last = await withTaskCancellationHandler {
            var reader = ByteReader(child.output)
            var last: Line?
            while let line = await reader.line() { last = try? JSONDecoder().decode(Line.self, from: line) }
            return last
        } onCancel: {
            Task { await child.stop() }
        }
        let exit = await child.exit
        try Task.checkCancellation()
        if let items = last?.items, exit.status == 0 { return items }
        throw LocalModelError(
            code: last?.code ?? "preview_failed", message: last?.message ?? "the examples cannot be shown: \(exit.lastErrorLine)", hint: last?.hint)
    }
}
