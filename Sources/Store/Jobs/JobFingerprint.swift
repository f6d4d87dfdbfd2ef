import Crypto
import Domain
import Foundation

/// What makes two jobs the same: minion, type, settings, and the datasets with the content they have now.
enum JobFingerprint {
    static func make(minion: String, kind: TrainingJob.Kind, config: TrainingConfig, datasets: [Dataset]) throws -> String {
        let content = Content(
            minion: minion, kind: kind, config: config,
            datasets: Dictionary(datasets.map { ($0.id, $0.sha256) }, uniquingKeysWith: { first, _ in first }))
        guard case .text(let text) = try SQLValue(json: content) else { return "" }
        return SHA256.hash(data: Data(text.utf8)).hex
    }

    private struct Content: Encodable {
        var minion: String
        var kind: TrainingJob.Kind
        var config: TrainingConfig
        var datasets: [String: String]
    }
}
