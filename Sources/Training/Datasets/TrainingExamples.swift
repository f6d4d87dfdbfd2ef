import Crypto
import Datasets
import Domain
import Files
import Foundation
import Store

/// The chat examples of a job's datasets, each once, as lines of JSON.
struct TrainingExamples: Sendable {
    /// Examples in the datasets' files, and why some of them are left out.
    private(set) var total = 0
    private(set) var leftOut: TrainingExclusions = [:]
    /// Fields of the others that are not read.
    private(set) var fieldsLeftOut = UnreadFields()
    private var examples: [(hash: String, line: Data)] = []

    var count: Int { examples.count }

    /// Reads and checks the files again; a repeated example counts once, or it might stand on both sides of the split.
    /// - Throws: `DatasetRefused`, ``JobFailure`` where a file is gone.
    static func read(_ datasets: [Dataset], seed: Int, data: DataDirectory, stage: String) async throws -> TrainingExamples {
        var found = TrainingExamples()
        var seen: Set<String> = []
        for dataset in datasets where dataset.datasetType == .jsonl {
            let reader = ChatReading(dataset.metadata).reader(try dataset.file(in: data, stage: stage))
            let (lines, leftOut, fields) = try await BlockingExecutor.run {
                var lines: [Data] = []
                var leftOut: TrainingExclusions = [:]
                let report = try reader.read { example in
                    if let exclusion = example.exclusion { leftOut[exclusion, default: 0] += 1 }
                    if let example = TrainingExample(example) { try lines.append(example.line()) }
                }
                guard report.isUsable else { throw DatasetRefused(report) }
                return (lines, leftOut, report.fieldsLeftOut)
            }
            found.fieldsLeftOut.merge(fields)
            found.total += lines.count + leftOut.total
            found.leftOut.merge(leftOut, uniquingKeysWith: +)
            for line in lines {
                let hash = hash(line, seed: seed)
                if seen.insert(hash).inserted {
                    found.examples.append((hash, line))
                } else {
                    found.leftOut[.duplicate, default: 0] += 1
                }
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
        SHA256.hash(data: Data("\(seed):".utf8) + line).hex
    }

    /// "20 of 40 chat examples are left out: 20 with tool calls"; nil where none is.
    var leftOutMessage: String? {
        guard leftOut.total > 0 else { return nil }
        return "\(leftOut.total) of \(total) chat example\(total == 1 ? " is" : "s are") left out: \(leftOut.inWords)"
    }

    /// - Throws: ``JobFailure`` where there are too few to train from and to measure with; it counts what is left out, by reason.
    func requireTrainable(stage: String) throws {
        guard count < 2 else { return }
        throw JobFailure(
            step: stage, code: .tooFewExamples,
            message: "\(count) chat example\(count == 1 ? "" : "s") in the job's datasets; at least 2 are needed, 50 to 300 are sensible"
                + (leftOutMessage.map { "; \($0)" } ?? ""),
            hint: leftOut.hint ?? "add a dataset of type jsonl to the job")
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
