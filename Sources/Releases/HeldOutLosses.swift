import Files
import Foundation

/// The held-out replies' losses one by one, as the trainer wrote them beside the adapter.
package struct HeldOutLosses: Sendable, Codable {
    package struct Example: Sendable, Codable {
        /// Reply tokens.
        package var tokens: Double
        /// Negative log-likelihoods in nats, summed over them, without and with the adapter.
        package var base: Double
        package var adapter: Double
    }

    package var examples: [Example]

    package static let fileName = "held_out_losses.json"
    /// Of that file; an example has about a hundred.
    static let maxBytes = 16 << 20

    /// Nil where the trainer wrote none.
    package static func read(_ adapter: URL) -> HeldOutLosses? {
        (try? BoundedFile.read(adapter.appending(path: fileName), maxBytes: maxBytes)).flatMap {
            try? JSONDecoder().decode(HeldOutLosses.self, from: $0)
        }
    }

    /// exp(Σ loss ÷ Σ tokens), with each example counted so often.
    package func perplexity(_ loss: (Example) -> Double, _ multiplicities: [Double]? = nil) -> Double? {
        var sum = 0.0
        var tokens = 0.0
        for (index, example) in examples.enumerated() {
            let weight = multiplicities?[index] ?? 1
            sum += weight * loss(example)
            tokens += weight * example.tokens
        }
        return tokens > 0 ? exp(sum / tokens) : nil
    }
}
