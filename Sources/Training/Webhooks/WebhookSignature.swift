import Crypto
import Foundation

/// The signature of a webhook, after Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over
/// `id.timestamp.body`, in base64 behind `v1,`.
enum WebhookSignature {
    /// - Parameters:
    ///   - secret: `whsec_` and the key in base64.
    ///   - timestamp: seconds since 1970, of this attempt.
    /// - Returns: the headers to send; nil for a secret that is none.
    static func headers(id: String, timestamp: Int, body: [UInt8], secret: String) -> [String: String]? {
        guard secret.hasPrefix("whsec_"), let key = Data(base64Encoded: String(secret.dropFirst("whsec_".count))) else { return nil }
        let code = HMAC<SHA256>.authenticationCode(for: Data("\(id).\(timestamp).".utf8) + body, using: SymmetricKey(data: key))
        return ["webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": "v1,\(Data(code).base64EncodedString())"]
    }
}
