import Domain
import Foundation

/// What becomes of a job whose failure may be gone the next time.
public struct JobRetries: Sendable, Codable, Equatable {
    /// How often it is run at most, the first time included; 1 never tries again.
    public var maxAttempts: Int
    /// Seconds before the second attempt; each further one waits twice as long, an hour at most.
    public var backoffSeconds: Int

    enum CodingKeys: String, CodingKey {
        case maxAttempts = "max_attempts"
        case backoffSeconds = "backoff_seconds"
    }

    /// What each number may be, whichever way it comes in.
    public enum Bounds {
        public static let maxAttempts = 1...100
        public static let backoffSeconds = 0...3600
    }

    public init(maxAttempts: Int = 3, backoffSeconds: Int = 30) {
        self.maxAttempts = maxAttempts
        self.backoffSeconds = backoffSeconds
    }

    public init(from decoder: any Decoder) throws {
        let fields = try BoundedFields(decoder, keyedBy: CodingKeys.self)
        self.init()
        maxAttempts = try fields.number(.maxAttempts, Bounds.maxAttempts) ?? maxAttempts
        backoffSeconds = try fields.number(.backoffSeconds, Bounds.backoffSeconds) ?? backoffSeconds
    }

    /// - Parameter retries: how often it was tried again already.
    /// - Returns: seconds to wait; nil to give up.
    public func delay(afterRetries retries: Int) -> Double? {
        guard retries < maxAttempts - 1 else { return nil }
        return min(3600, Double(backoffSeconds) * pow(2, Double(min(retries, 20))))
    }
}
