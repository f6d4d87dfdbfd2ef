import Domain
import Foundation

extension UserStore {
    /// The evaluation of the release a job made; of one without a release, the figures its history holds.
    public func evaluation(ofJob id: String) async throws -> JobEvaluation {
        let job = try await job(id)
        if let release = job.releaseID, let evaluation = try? await self.release(release).evaluation {
            return JobEvaluation(jobID: id, releaseID: release, isFinal: true, evaluation: evaluation)
        }
        struct Payload: Decodable {
            var metrics: [EvaluationMetric]?
        }
        var evaluation = ReleaseEvaluation()
        var seq = 0
        while true {
            let events = try await jobEvents(id, after: seq)
            for event in events {
                seq = event.seq
                // A job that was queued again measures anew.
                if event.type == "queued" { evaluation.metrics = [] }
                guard event.type == "evaluation", let payload = try? JSONDecoder().decode(Payload.self, from: Data(event.payload.utf8)) else {
                    continue
                }
                for metric in payload.metrics ?? [] {
                    evaluation.metrics.removeAll { $0.name == metric.name && $0.arm == metric.arm }
                    evaluation.metrics.append(metric)
                }
            }
            if events.count < 500 { break }
        }
        return JobEvaluation(jobID: id, releaseID: nil, isFinal: false, evaluation: evaluation)
    }
}
