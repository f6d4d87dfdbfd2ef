import Synchronization

/// Counters for `/metrics`. No user, minion or key is ever a label.
final class ServerMetrics: Sendable {
    private let requests = Mutex<[String: Int]>([:])

    func count(method: String, status: Int) {
        requests.withLock { $0["method=\"\(method)\",status=\"\(status)\"", default: 0] += 1 }
    }

    /// Prometheus text format 0.0.4.
    func text(version: String) -> String {
        let lines = requests.withLock { requests in
            requests.sorted { $0.key < $1.key }.map { "atelier_http_requests_total{\($0.key)} \($0.value)" }
        }
        return """
            # HELP atelier_build_info The running version.
            # TYPE atelier_build_info gauge
            atelier_build_info{version="\(version)"} 1
            # HELP atelier_http_requests_total Requests answered, by method and status.
            # TYPE atelier_http_requests_total counter
            \(lines.joined(separator: "\n"))

            """
    }
}
