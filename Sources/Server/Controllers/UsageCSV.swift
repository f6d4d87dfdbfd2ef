import Foundation
import HTTPTypes
import Hummingbird
import Store

/// A usage report as CSV (RFC 4180): a line of names, then one line a group.
enum UsageCSV {
    private static let sums: [(name: String, value: @Sendable (UsageRow) -> String)] = [
        ("requests", { "\($0.requests)" }), ("failures", { "\($0.failures)" }), ("cancelled", { "\($0.cancelled)" }),
        ("cache_hits", { "\($0.cacheHits)" }), ("error_rate", { number($0.errorRate) }), ("input_tokens", { "\($0.inputTokens)" }),
        ("output_tokens", { "\($0.outputTokens)" }), ("cached_tokens", { "\($0.cachedTokens)" }),
        ("cache_write_tokens", { "\($0.cacheWriteTokens)" }), ("reasoning_tokens", { "\($0.reasoningTokens)" }),
        ("estimated_requests", { "\($0.estimatedRequests)" }), ("cost", { number($0.cost) }), ("unpriced_requests", { "\($0.unpricedRequests)" }),
        ("latency_ms_p50", { number($0.latencyMilliseconds?.p50) }), ("latency_ms_p95", { number($0.latencyMilliseconds?.p95) }),
        ("latency_ms_p99", { number($0.latencyMilliseconds?.p99) }), ("first_token_ms_p50", { number($0.firstTokenMilliseconds?.p50) }),
        ("first_token_ms_p95", { number($0.firstTokenMilliseconds?.p95) }), ("first_token_ms_p99", { number($0.firstTokenMilliseconds?.p99) }),
    ]

    static func text(_ report: UsageReport) -> String {
        let header = report.groupBy.map { column($0).name } + sums.map(\.name)
        let lines = report.rows.map { row in report.groupBy.map { field(column($0).value(row) ?? "") } + sums.map { $0.value(row) } }
        return ([header] + lines).map { $0.joined(separator: ",") + "\r\n" }.joined()
    }

    static func response(_ report: UsageReport) -> Response {
        var headers: HTTPFields = [.contentType: "text/csv; charset=utf-8; header=present", .cacheControl: "no-store"]
        headers[.contentDisposition] = "attachment; filename=\"usage.csv\""
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text(report))))
    }

    private static func column(_ dimension: UsageQuery.Dimension) -> (name: String, value: (UsageRow) -> String?) {
        switch dimension {
        case .day: ("day", { $0.day })
        case .user: ("user_id", { $0.userID })
        case .minion: ("minion_id", { $0.minionID })
        case .provider: ("provider", { $0.provider })
        case .model: ("model", { $0.model })
        case .key: ("key_id", { $0.keyID })
        }
    }

    private static func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }

    /// One text field. A name is its user's to choose, and a spreadsheet takes one that begins like a
    /// formula for a formula: an apostrophe in front makes it text
    /// (https://owasp.org/www-community/attacks/CSV_Injection).
    static func field(_ text: String) -> String {
        var text = text
        if let first = text.unicodeScalars.first, "=+-@\t\r\n＝＋－＠".unicodeScalars.contains(first) { text = "'" + text }
        guard text.unicodeScalars.contains(where: { ",\"\r\n'".unicodeScalars.contains($0) }) else { return text }
        return "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\""
    }
}
