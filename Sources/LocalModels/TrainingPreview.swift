import Foundation

/// Shows examples as the trainer reads them, with `engine/training/preview.py`.
public struct TrainingPreview: Sendable {
    public struct Example: Sendable, Codable, Equatable {
        public struct Piece: Sendable, Codable, Equatable {
            public var text: String
            /// Whether its tokens are learned; what is not is only read.
            public var learned: Bool

            public init(text: String, learned: Bool) {
                self.text = text
                self.learned = learned
            }
        }

        /// In the order of the text, which they are when joined.
        public var pieces: [Piece]
        public var tokens: Int
        public var learnedTokens: Int
        /// Whether the beginning of the prompt was cut off to fit.
        public var cut: Bool
        /// Why it is left out of training; absent where it is not.
        public var dropped: String?
        /// Names of its fields that training does not read; absent where there are none.
        public var fieldsLeftOut: [String]?

        /// An example that does not reach the trainer: it has no template's text, and no tokens of it are read.
        public init(leftOut reason: String, pieces: [Piece]) {
            self.pieces = pieces
            (tokens, learnedTokens, cut) = (0, 0, false)
            dropped = reason
        }

        enum CodingKeys: String, CodingKey {
            case pieces, tokens, cut, dropped
            case learnedTokens = "learned_tokens"
            case fieldsLeftOut = "fields_left_out"
        }
    }

    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// - Parameters:
    ///   - lines: `{"messages":[…]}`, one an example.
    ///   - maxTokens: longest example, as the trainer's option.
    /// - Throws: ``LocalModelError``.
    public func render(_ lines: [Data], maxTokens: Int = 1024) async throws -> [Example] {
        struct Done: Decodable { var items: [Example] }
        if let missing = paths.missing() { throw missing }
        let done = try await EngineScript(
            command: paths.command(
                "training/preview.py", ["--model", paths.baseModelFolder.path, "--max-tokens", String(maxTokens)],
                .tool(reads: [paths.baseModelFolder])),
            failure: (.previewFailed, "the examples cannot be shown")
        ).run(input: Data(lines.joined(separator: [0x0A])) + [0x0A, 0x0A])
        return try JSONDecoder().decode(Done.self, from: done).items
    }
}
