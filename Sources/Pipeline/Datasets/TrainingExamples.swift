import Crypto
import Foundation
import Store

/// The chat examples of a job's datasets, each once, as lines of JSON.
struct TrainingExamples: Sendable {
    /// Examples that were left out for their tool calls.
    var withTools = 0
    private var examples: [(hash: String, line: Data)] = []

    var count: Int { examples.count }

    /// Reads and checks the files again; a repeated example counts once, or it might stand on both sides of the split.
    /// - Throws: `DatasetRefused`, ``JobFailure`` where a file is gone.
    static func read(_ datasets: [Dataset], seed: Int, data: DataDirectory, stage: String) async throws -> TrainingExamples {
        var found = TrainingExamples()
        var seen: Set<String> = []
        for dataset in datasets where dataset.datasetType == .jsonl {
            let reader = ChatReading(dataset.metadata).reader(try dataset.file(in: data, stage: stage))
            let (lines, untrainable) = try await BlockingExecutor.run {
                var lines: [Data] = []
                var untrainable = 0
                let report = try reader.read { example in
                    if let example = TrainingExample(example) { try lines.append(example.line()) } else { untrainable += 1 }
                }
                guard report.isUsable else { throw DatasetRefused(report) }
                return (lines, untrainable)
            }
            found.withTools += untrainable
            for line in lines {
                let hash = hash(line, seed: seed)
                if seen.insert(hash).inserted { found.examples.append((hash, line)) }
            }
        }
        return found
    }

    /// Lines to train from and lines to measure with. The tenth with the smallest seeded hashes is held out:
    /// exact, repeatable, and independent of order. Needs two examples.
    func split() -> (train: Data, validation: Data, heldOut: Int) {
        let heldOut = max(1, Int((Double(examples.count) / 10).rounded()))
        let threshold = examples.map(\.hash).sorted()[heldOut - 1]
        var train = Data()
        var validation = Data()
        for example in examples {
            if example.hash <= threshold { validation += example.line + [0x0A] } else { train += example.line + [0x0A] }
        }
        return (train, validation, heldOut)
    }

    private static func hash(_ line: Data, seed: Int) -> String {
        SHA256.hash(data: Data("\(seed):".utf8) + line).map { String(format: "%02x", $0) }.joined()
    }

    /// - Throws: ``JobFailure`` where there are too few to train from and to measure with.
    func requireEnough(stage: String) throws {
        guard count < 2 else { return }
        throw JobFailure(
            step: stage, code: .tooFewExamples,
            message: "\(count) chat example\(count == 1 ? "" : "s") in the job's datasets; at least 2 are needed, 50 to 300 are sensible",
            hint: "add a dataset of type jsonl to the job")
    }
}

extension Dataset {
    /// Its upload on disk.
    func file(in data: DataDirectory, stage: String) throws -> URL {
        let file = data.url(filePath)
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw JobFailure(
                step: stage, code: .datasetMissing, message: "the file of dataset \"\(datasetName)\" is gone", hint: "upload it again")
        }
        return file
    }
}
