import Hummingbird
import Store

extension Request {
    /// `?status=` of a list of jobs; nil where it is not given.
    func jobStatus() throws -> TrainingJob.Status? {
        guard let text = uri.queryParameters["status"].map(String.init) else { return nil }
        guard let status = TrainingJob.Status(rawValue: text) else {
            let all = TrainingJob.Status.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIError.invalid([.init(field: "status", code: "invalid", message: "must be one of \(all)")])
        }
        return status
    }
}
