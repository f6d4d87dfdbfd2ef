import Domain
import Foundation
import Providers
import Store
import Yams

/// A job as a YAML file, to be kept in git:
///
///     minion: Wick                 # its display name or id
///     name: Nightly voice          # of the job; the file's name where it is left out
///     type: hybrid                 # hybrid, rag_only or lora_only
///     datasets:
///       - name: voice              # one the server has
///       - name: handbook           # uploaded where the server's has other content
///         type: rag
///         path: data/handbook.zip  # relative to the template
///     config: {epochs: 2, rank: 16}
///     sweep: {learning_rate: [1.0e-4, 3.0e-4]}
///     gate: validation_loss<=4.2
public struct TrainTemplate: Sendable {
    /// Most jobs of one sweep.
    public static let maxSweep = 64

    public struct DatasetReference: Sendable {
        /// Of the dataset, or its id.
        public var name: String
        public var kind: Dataset.Kind?
        /// Absolute.
        public var file: URL?
    }

    public internal(set) var minion = ""
    public internal(set) var name = ""
    public internal(set) var kind = TrainingJob.Kind.hybrid
    public internal(set) var datasets: [DatasetReference] = []
    public internal(set) var config: [String: JSONValue] = [:]
    /// In the order they are written.
    public internal(set) var sweep: [(setting: String, values: [JSONValue])] = []
    public internal(set) var gate: GateExpression?

    /// Every combination of the sweep's values, the last setting changing fastest; one without any where there is no sweep.
    public var combinations: [[(setting: String, value: JSONValue)]] {
        sweep.reduce([[]]) { made, next in made.flatMap { combination in next.values.map { combination + [(next.setting, $0)] } } }
    }

    /// Reads a template.
    /// - Throws: ``TemplateProblems`` with all of them.
    public static func read(_ file: URL) throws -> TrainTemplate {
        let text: String
        do { text = try String(contentsOf: file, encoding: .utf8) } catch {
            throw TemplateProblems(file: file.lastPathComponent, problems: ["cannot be read: \(error.localizedDescription)"])
        }
        return try read(text, at: file)
    }

    static func read(_ text: String, at file: URL) throws -> TrainTemplate {
        func broken(_ line: Int?, _ message: String) -> TemplateProblems {
            TemplateProblems(file: file.lastPathComponent, problems: [(line.map { "line \($0): " } ?? "") + message])
        }
        let root: Node?
        do { root = try Yams.compose(yaml: text) } catch let error as YamlError {
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
                throw broken(mark.line, "this is not YAML: \(problem)")
            case .duplicatedKeysInMapping(let duplicates, let context):
                throw broken(context.mark.line, "\(duplicates.joined(separator: ", ")): is written twice")
            default: throw broken(nil, "this is not YAML")
            }
        }
        guard let members = root.map(TemplateNode.init)?.members else { throw broken(nil, "a template is a mapping: minion, type, datasets, …") }
        var reader = TemplateReader(folder: file.deletingLastPathComponent())
        reader.template.name = file.deletingPathExtension().lastPathComponent
        reader.read(members)
        guard reader.problems.isEmpty else { throw TemplateProblems(file: file.lastPathComponent, problems: reader.problems) }
        return reader.template
    }
}

/// Everything that is wrong with a template.
public struct TemplateProblems: Error, Sendable, CustomStringConvertible {
    public var file: String
    /// Each with its line, its field and what to do.
    public var problems: [String]
    public var description: String { problems.map { "\(file): \($0)" }.joined(separator: "\n") }
}
