import Domain

/// What one attempt has used so far. Pure: fed the events, asked for the usage at the end.
struct AttemptMeter: Sendable {
    private let request: ChatRequest
    private var seen: TokenUsage?
    private var bytes = 0
    private(set) var hasEvents = false

    init(_ request: ChatRequest) { self.request = request }

    mutating func add(_ event: ChatEvent) {
        hasEvents = true
        switch event {
        case .text(let text), .reasoning(let text): bytes += text.utf8.count
        case .toolCall(_, _, let name, let arguments): bytes += (name?.utf8.count ?? 0) + arguments.utf8.count
        case .usage(let usage): seen = usage
        case .model, .finish, .failed: break
        }
    }

    /// The usage of a reply that finished: the vendor's, else an estimate.
    var finished: TokenUsage {
        guard let seen, !seen.isEstimate else { return estimate }
        return seen
    }

    /// The usage of a reply that was cut, timed out or cancelled: what the vendor had counted until
    /// then, but no less output than what has arrived. A vendor's early count of the output (Anthropic
    /// opens with 1) would otherwise let an aborted reply ride free.
    var unfinished: TokenUsage {
        guard var usage = seen, !usage.isEstimate else { return estimate }
        let output = UsageEstimate.tokens(bytes: bytes)
        if usage.output < output {
            usage.output = output
            usage.isEstimate = true
        }
        return usage
    }

    private var estimate: TokenUsage {
        TokenUsage(input: UsageEstimate.input(request), output: UsageEstimate.tokens(bytes: bytes), isEstimate: true)
    }
}
