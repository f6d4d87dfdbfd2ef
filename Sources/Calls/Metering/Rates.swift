/// What is left of the rates, in the headers OpenAI's clients know
/// (https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers).
struct Rates: Sendable {
    struct Rate: Sendable {
        var limit: Int
        var remaining: Int
        /// Seconds until all of it is there again.
        var reset: Double
    }

    var requests: Rate?
    var tokens: Rate?

    /// Of both the one that has less left.
    func tightest(_ other: Rates) -> Rates {
        func less(_ left: Rate?, _ right: Rate?) -> Rate? {
            guard let left, let right else { return left ?? right }
            return left.remaining <= right.remaining ? left : right
        }
        return Rates(requests: less(requests, other.requests), tokens: less(tokens, other.tokens))
    }

    /// Nothing is said of what has no limit.
    var headers: [(String, String)] {
        [("requests", requests), ("tokens", tokens)].flatMap { name, rate -> [(String, String)] in
            guard let rate else { return [] }
            return [
                ("x-ratelimit-limit-\(name)", String(rate.limit)), ("x-ratelimit-remaining-\(name)", String(rate.remaining)),
                ("x-ratelimit-reset-\(name)", Self.duration(rate.reset)),
            ]
        }
    }

    /// `17ms`, `1s`, `6m0s`, `3h2m1s`.
    static func duration(_ seconds: Double) -> String {
        if seconds < 1 { return "\(Int(clamping: (seconds * 1000).rounded(.up)))ms" }
        let whole = Int(clamping: seconds.rounded(.up))
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        return (hours > 0 ? "\(hours)h" : "") + (hours > 0 || minutes > 0 ? "\(minutes)m" : "") + "\(whole % 60)s"
    }
}
