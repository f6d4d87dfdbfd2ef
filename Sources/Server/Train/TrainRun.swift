import AsyncHTTPClient
import Domain
import Foundation
import NIOCore
import Providers
import Store

/// `atelier train`: a template's job, or its sweep, on a running server.
public struct TrainRun: Sendable {
    public struct Options: Sendable {
        public var url: String
        public var token: String
        /// Follow the jobs to their end.
        public var waits: Bool
        /// Goes before the template's.
        public var gate: GateExpression?
        /// Also where there is a job of the same minion, settings and data.
        public var again: Bool
        /// Of a sweep: promote the best.
        public var picksBest: Bool
        /// What the best is best in.
        public var metric: MetricName
        /// Print one JSON object at the end, and nothing else.
        public var json: Bool

        public init(
            url: String, token: String, waits: Bool, again: Bool, gate: GateExpression?, picksBest: Bool, metric: MetricName, json: Bool
        ) {
            self.url = url
            self.token = token
            self.waits = waits
            self.again = again
            self.gate = gate
            self.picksBest = picksBest
            self.metric = metric
            self.json = json
        }
    }

    let template: TrainTemplate
    let options: Options
    private let terminal = Terminal()

    public init(_ template: TrainTemplate, _ options: Options) {
        self.template = template
        self.options = options
    }

    private var gate: GateExpression? { options.gate ?? template.gate }
    /// A release that has still to pass must not answer before.
    private var holdsReleases: Bool { options.waits && (gate != nil || !template.sweep.isEmpty || options.picksBest) }

    /// - Throws: ``TrainFailure`` with the exit code.
    public func run() async throws {
        do { try await steps() } catch let error as TrainFailure { throw error } catch let error as ClientError {
            // 422: what was sent is wrong, and the template is where it comes from.
            throw TrainFailure(exit: error.status == 422 ? .usage : .server, message: error.message)
        } catch {
            throw TrainFailure(exit: .server, message: "\(options.url) cannot be reached: \(error)")
        }
    }

    private func say(_ text: String) { if !options.json { terminal.line(text) } }

    private func steps() async throws {
        let server = try await TrainServer.connect(url: options.url, token: options.token)
        let minion = try await server.minion(template.minion)
        let datasets = try await server.datasets(template.datasets, say: say)
        var jobs = try await create(server, minion, datasets)
        for job in jobs { try await server.start(job.id) }
        for job in jobs { say("job \(job.id) is queued\(Self.text(job.settings))") }
        guard options.waits else {
            if options.json { print(summary(jobs, gate: nil).serialized()) }
            return
        }
        for index in jobs.indices { try await finish(&jobs[index], server, minion) }
        try await conclude(jobs, server, minion)
    }

    /// All of them are made before any is started: a mistake in the last costs no training.
    private func create(_ server: TrainServer, _ minion: String, _ datasets: [String]) async throws -> [TrainedJob] {
        var jobs: [TrainedJob] = []
        do {
            for combination in template.combinations {
                var config = template.config
                for (setting, value) in combination { config[setting] = value }
                let id = try await server.create([
                    "job_name": .string(template.name + Self.text(combination)), "minion_id": .string(minion),
                    "training_type": .string(template.kind.rawValue), "dataset_ids": .array(datasets.map { .string($0) }), "config": .object(config),
                    "hold_release": .bool(holdsReleases), "allow_duplicate": .bool(options.again),
                ])
                jobs.append(TrainedJob(id: id, settings: combination))
            }
        } catch {
            for job in jobs { await server.deleteJob(job.id) }
            throw error
        }
        return jobs
    }

    private func finish(_ job: inout TrainedJob, _ server: TrainServer, _ minion: String) async throws {
        if template.combinations.count > 1 { say("\njob \(job.id)\(Self.text(job.settings))") }
        var view = ProgressView(terminal: terminal)
        let quiet = options.json
        try await server.follow(job.id) { event, data in if !quiet { view.show(event, data) } }
        let ended = try await server.job(job.id)
        job.status = ended["status"]?.stringValue ?? "?"
        if let start = Self.time(ended["started_at"]), let end = Self.time(ended["completed_at"]) { job.seconds = end.timeIntervalSince(start) }
        if let error = ended["error"] {
            job.error = [error["step"], error["code"], error["message"], error["hint"]].compactMap { $0?.stringValue }.joined(separator: ": ")
        }
        guard let id = ended["release_id"]?.stringValue else { return }
        let release = try await server.release(id, minion: minion)
        (job.release, job.number) = (id, release["number"]?.intValue)
        (job.state, job.reason) = (release["state"]?.stringValue, release["reason"]?.stringValue)
        if let evaluation = release["evaluation"] {
            job.evaluation = try JSONDecoder().decode(ReleaseEvaluation.self, from: Data(evaluation.serializedBytes()))
        }
    }

    /// What all of it comes to.
    private func conclude(_ finished: [TrainedJob], _ server: TrainServer, _ minion: String) async throws {
        var jobs = finished
        let chosen = jobs.count == 1 ? (jobs[0].release == nil ? nil : 0) : best(jobs)
        var verdict: (passed: Bool, text: String)?
        if let gate, let chosen, let evaluation = jobs[chosen].evaluation {
            let value = gate.metric.value(in: evaluation)
            verdict = (gate.passes(evaluation) ?? false, "\(gate.metric) is \(value.map { "\($0)" } ?? "not measured")")
        }
        let promotes = chosen != nil && verdict?.passed != false && (options.picksBest || (jobs.count == 1 && gate != nil))
        if promotes, let chosen, let release = jobs[chosen].release {
            let reason = [gate.map { "passed \($0)" }, jobs.count > 1 ? "best of \(jobs.count) by \(options.metric)" : nil].compactMap { $0 }
            try await server.promote(release, minion: minion, reason: reason.isEmpty ? "chosen by atelier train" : reason.joined(separator: ", "))
            (jobs[chosen].state, jobs[chosen].reason) = ("active", reason.joined(separator: ", "))
        }
        if options.json {
            print(summary(jobs, gate: verdict?.passed).serialized())
        } else {
            tell(jobs, verdict, chosen)
        }
        if let failed = jobs.first(where: { $0.status != "COMPLETED" }) {
            throw TrainFailure(exit: .jobFailed, message: "job \(failed.id) ended \(failed.status)\(failed.error.map { ": \($0)" } ?? "")")
        }
        if let gate, verdict?.passed != true {
            throw TrainFailure(exit: .gateNotPassed, message: "the gate \(gate) was not passed: \(verdict?.text ?? "nothing to hold it against")")
        }
        if jobs.count > 1, options.picksBest, chosen == nil {
            throw TrainFailure(exit: .gateNotPassed, message: "no release has \(options.metric): none is the best")
        }
        // Without a gate of ours the minion's own policy has decided.
        if gate == nil, jobs.count == 1, !options.picksBest, let job = jobs.first, job.state == "candidate",
            try await server.policy(minion) == ReleasePolicy.Mode.automatic.rawValue
        {
            throw TrainFailure(exit: .gateNotPassed, message: "release \(job.number ?? 0) stays a candidate: \(job.reason ?? "")")
        }
    }

    private func best(_ jobs: [TrainedJob]) -> Int? {
        let values = jobs.indices.compactMap { index in
            jobs[index].evaluation.flatMap { options.metric.value(in: $0) }.map { (index: index, value: $0) }
        }
        return ReleasePolicy.Direction.standard(of: options.metric.name) == .lower
            ? values.min { $0.value < $1.value }?.index : values.max { $0.value < $1.value }?.index
    }

    private func tell(_ jobs: [TrainedJob], _ verdict: (passed: Bool, text: String)?, _ chosen: Int?) {
        if jobs.count > 1 {
            terminal.line()
            for line in SweepTable(jobs: jobs).lines { terminal.line(line) }
            if let chosen { terminal.line("best by \(options.metric):\(Self.text(jobs[chosen].settings)), release \(jobs[chosen].number ?? 0)") }
        } else if let job = jobs.first, let number = job.number {
            let figures = (job.evaluation?.figures ?? []).map { "\($0.metric)@\($0.arm) \(String(format: "%.4f", $0.value))" }
            terminal.line("release \(number) (\(job.release ?? "")) is \(job.state ?? ""): \(job.reason ?? "")")
            if !figures.isEmpty { terminal.line("measured: \(figures.joined(separator: ", "))") }
        }
        if let gate, let verdict { terminal.line("gate \(gate): \(verdict.passed ? "passed" : "not passed"), \(verdict.text)") }
    }

    private func summary(_ jobs: [TrainedJob], gate passed: Bool?) -> JSONValue {
        var object: [String: JSONValue] = ["jobs": .array(jobs.map(\.json))]
        object["gate"] = gate.map { ["expression": .string("\($0)"), "passed": passed.map { .bool($0) } ?? .null] }
        return .object(object)
    }

    private static func text(_ settings: [(setting: String, value: JSONValue)]) -> String {
        settings.isEmpty ? "" : " " + settings.map { "\($0.setting)=\($0.value.stringValue ?? $0.value.serialized())" }.joined(separator: " ")
    }

    private static func time(_ value: JSONValue?) -> Date? {
        value?.stringValue.flatMap { try? Date($0, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }
    }
}

extension TrainServer {
    fileprivate func policy(_ minion: String) async throws -> String? {
        try await api.get("/api/users/\(user)/minions/\(minion)")["release_policy"]?["mode"]?.stringValue
    }
}
