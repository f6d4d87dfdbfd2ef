import Files
import Foundation

/// What makes an adapter able to restyle, as it lies beside it in `restyle.json`: the instruction it was
/// trained on, and the scale on which kept meaning is measured.
public struct RestyleProfile: Sendable, Codable, Equatable {
    /// Stands before the text, in training and in answers alike. A change of it makes older adapters no
    /// worse: each is asked with the one it knows.
    public static let instruction = "Rewrite this text in your own voice. Keep every fact, name and number."

    public var instruction: String
    /// Mean cosine of two texts that have nothing to do with one another: a paraphrase and another piece's reply.
    public var floor: Double
    /// Mean cosine of a paraphrase and the user's own reply it was made of.
    public var ceiling: Double
    public var embedder: String
    /// Who made the paraphrases.
    public var paraphraser: String
    /// Rewrite examples in training; also those behind `floor` and `ceiling`.
    public var pairs: Int

    public init(
        instruction: String = RestyleProfile.instruction, floor: Double, ceiling: Double, embedder: String, paraphraser: String, pairs: Int
    ) {
        self.instruction = instruction
        self.floor = floor
        self.ceiling = ceiling
        self.embedder = embedder
        self.paraphraser = paraphraser
        self.pairs = pairs
    }

    /// - Parameter cosine: of a text and its restyled form.
    /// - Returns: 0 at `floor`, 1 at `ceiling`; may lie outside. 0 where the two cannot be told apart: then nothing
    ///   measured with this embedder shows that meaning was kept.
    public func meaning(cosine: Double) -> Double { ceiling - floor > 0.01 ? (cosine - floor) / (ceiling - floor) : 0 }

    /// The user's turn that asks for a restyled text.
    public static func prompt(_ instruction: String, _ text: String) -> String { "\(instruction)\n\n\(text)" }

    /// Nil for an adapter that was not trained to restyle.
    package static func read(_ folder: URL) throws -> RestyleProfile? {
        let file = folder.appending(path: "restyle.json")
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        let profile = try JSONDecoder().decode(RestyleProfile.self, from: BoundedFile.read(file, maxBytes: 1 << 20))
        // Mean cosines; anything else would make a measure of meaning out of nothing.
        guard [profile.floor, profile.ceiling].allSatisfy({ abs($0) <= 1.01 }), profile.pairs >= 0, profile.instruction.utf8.count <= 1 << 16 else {
            throw LocatedError("restyle.json holds values that no training writes: train the minion again")
        }
        return profile
    }

    package func write(to folder: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        try encoder.encode(self).write(to: folder.appending(path: "restyle.json"))
    }
}
