import Domain
import Foundation
import Providers
import Store

/// How `atelier train` ends; programs read the number.
public enum TrainExit: Int32, Sendable {
    /// Trained; the gate, where there is one, was passed.
    case done = 0
    /// The template or the arguments are wrong.
    case usage = 1
    /// A job failed or was stopped.
    case jobFailed = 2
    /// The release is not good enough.
    case gateNotPassed = 3
    /// The server cannot be reached, or refuses.
    case server = 4
}

/// Why `atelier train` ended, in words.
public struct TrainFailure: Error, Sendable {
    public var exit: TrainExit
    public var message: String

    public init(exit: TrainExit, message: String) {
        self.exit = exit
        self.message = message
    }
}

/// One job of a run, and what came of it.
struct TrainedJob: Sendable {
    var id: String
    /// What the sweep chose for it.
    var settings: [(setting: String, value: JSONValue)]
    var status = "PENDING"
    var error: String?
    /// From its start to its end.
    var seconds: Double?
    var release: String?
    var number: Int?
    var state: String?
    var reason: String?
    var evaluation: ReleaseEvaluation?

    var json: JSONValue {
        var object: [String: JSONValue] = [
            "job_id": .string(id), "status": .string(status),
            "settings": .object(Dictionary(settings.map { ($0.setting, $0.value) }, uniquingKeysWith: { $1 })),
        ]
        object["error"] = error.map { .string($0) }
        object["seconds"] = seconds.map { .double($0) }
        object["release_id"] = release.map { .string($0) }
        object["release_number"] = number.map { .int($0) }
        object["release_state"] = state.map { .string($0) }
        object["reason"] = reason.map { .string($0) }
        object["figures"] = evaluation.map { evaluation in
            .array(evaluation.figures.map { ["metric": .string($0.metric), "arm": .string($0.arm), "value": .double($0.value)] })
        }
        return .object(object)
    }
}

/// The jobs of a sweep side by side.
struct SweepTable {
    let jobs: [TrainedJob]
    /// Most columns of figures.
    private static let maxFigures = 8

    var lines: [String] {
        let settings = jobs.first?.settings.map(\.setting) ?? []
        var names: [(metric: String, arm: String)] = []
        for figure in jobs.flatMap({ $0.evaluation?.figures ?? [] }) where !names.contains(where: { $0 == (figure.metric, figure.arm) }) {
            names.append((figure.metric, figure.arm))
        }
        names = Array(names.prefix(Self.maxFigures))
        var rows = [settings + ["status"] + names.map { "\($0.metric)@\($0.arm)" } + ["seconds", "release"]]
        for job in jobs {
            let figures = names.map { name in
                job.evaluation?.figure(name.metric, arm: name.arm).map { String(format: "%.4f", $0.value) } ?? "-"
            }
            let release = job.number.map { "\($0) \(job.state ?? "")" } ?? "-"
            rows.append(
                job.settings.map { $0.value.stringValue ?? $0.value.serialized() } + [job.status] + figures
                    + [job.seconds.map { String(format: "%.1f", $0) } ?? "-", release])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ").trimmingCharacters(in: .whitespaces)
        }
    }
}
