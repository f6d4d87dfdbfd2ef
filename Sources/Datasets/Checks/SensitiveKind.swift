#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What should not stand in training data.
public enum SensitiveKind: String, Sendable, Codable, CaseIterable {
    case email
    /// A number of 13 to 19 digits of a card network's range that passes the Luhn check.
    case cardNumber = "card_number"
    /// A PEM block, up to its end line where there is one.
    case privateKey = "private_key"
    case anthropicKey = "anthropic_key"
    case openAIKey = "openai_key"
    case awsKey = "aws_access_key"
    case googleKey = "google_api_key"
    case githubToken = "github_token"
    case gitlabToken = "gitlab_token"
    case slackToken = "slack_token"
    case stripeKey = "stripe_key"
    case huggingFaceToken = "hugging_face_token"
    case nvidiaKey = "nvidia_key"
    case npmToken = "npm_token"

    /// What it is overwritten with.
    var replacement: String { "[\(rawValue.uppercased())]" }

    var inWords: String {
        switch self {
        case .email: "an e-mail address"
        case .cardNumber: "a card number"
        case .privateKey: "a private key"
        default: "a key or token (\(rawValue))"
        }
    }
}

/// Shapes of keys and tokens: how they begin, what they go on with, how long they are at least.
struct TokenShape {
    var kind: SensitiveKind
    var prefix: StaticString
    /// Characters behind the prefix: letters and digits, where not capitals only; `-` and `_` also where said.
    var minimum: Int
    var maximum = 400
    var capitalsOnly = false
    var hasDashes = true

    /// The longer prefix first, where one begins another.
    static let all: [TokenShape] = [
        TokenShape(kind: .anthropicKey, prefix: "sk-ant-", minimum: 32),
        TokenShape(kind: .openAIKey, prefix: "sk-", minimum: 32),
        TokenShape(kind: .awsKey, prefix: "AKIA", minimum: 16, maximum: 16, capitalsOnly: true, hasDashes: false),
        TokenShape(kind: .awsKey, prefix: "ASIA", minimum: 16, maximum: 16, capitalsOnly: true, hasDashes: false),
        TokenShape(kind: .googleKey, prefix: "AIza", minimum: 35, maximum: 35),
        TokenShape(kind: .githubToken, prefix: "github_pat_", minimum: 22),
        TokenShape(kind: .githubToken, prefix: "ghp_", minimum: 36, hasDashes: false),
        TokenShape(kind: .githubToken, prefix: "gho_", minimum: 36, hasDashes: false),
        TokenShape(kind: .githubToken, prefix: "ghu_", minimum: 36, hasDashes: false),
        TokenShape(kind: .githubToken, prefix: "ghs_", minimum: 36, hasDashes: false),
        TokenShape(kind: .githubToken, prefix: "ghr_", minimum: 36, hasDashes: false),
        TokenShape(kind: .gitlabToken, prefix: "glpat-", minimum: 20),
        TokenShape(kind: .slackToken, prefix: "xoxb-", minimum: 20), TokenShape(kind: .slackToken, prefix: "xoxp-", minimum: 20),
        TokenShape(kind: .slackToken, prefix: "xoxa-", minimum: 20), TokenShape(kind: .slackToken, prefix: "xoxr-", minimum: 20),
        TokenShape(kind: .slackToken, prefix: "xoxs-", minimum: 20), TokenShape(kind: .slackToken, prefix: "xapp-", minimum: 20),
        TokenShape(kind: .stripeKey, prefix: "sk_live_", minimum: 20, hasDashes: false),
        TokenShape(kind: .stripeKey, prefix: "rk_live_", minimum: 20, hasDashes: false),
        TokenShape(kind: .huggingFaceToken, prefix: "hf_", minimum: 30, hasDashes: false),
        TokenShape(kind: .nvidiaKey, prefix: "nvapi-", minimum: 40),
        TokenShape(kind: .npmToken, prefix: "npm_", minimum: 36, hasDashes: false),
    ]

    func accepts(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A: true
        case 0x61...0x7A: !capitalsOnly
        case 0x2D, 0x5F: hasDashes
        default: false
        }
    }

    /// Length of the token at `p`.
    func match(_ p: UnsafePointer<UInt8>, _ n: Int) -> Int? {
        let head = prefix.utf8CodeUnitCount
        guard n >= head + minimum, p[0] == prefix.utf8Start[0], memcmp(p, prefix.utf8Start, head) == 0 else { return nil }
        var end = head
        while end < n, accepts(p[end]) { end += 1 }
        let length = end - head
        guard length >= minimum, length <= maximum else { return nil }
        // A long word of dashes is a line, not a key.
        var digits = 0
        for at in head..<end where p[at] &- 0x30 < 10 { digits += 1 }
        return digits > 0 ? end : nil
    }
}
