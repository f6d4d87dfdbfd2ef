import Crypto
import Foundation
import Store

/// Which release answers one request of a minion whose next one is on trial.
public struct CanaryTrial: Sendable {
    /// The minion as the request sees it: with the release that answers it.
    public let minion: Minion
    public let canary: Canary?
    public let arm: CanaryArm?

    /// The same conversation is always answered by the same release; a request without one by chance.
    /// - Parameter conversation: as the client names it.
    public init(_ minion: Minion, conversation: String?) {
        guard let canary = minion.canary else {
            (self.minion, self.canary, arm) = (minion, nil, nil)
            return
        }
        let isTrial = Self.place(of: conversation ?? UUID().uuidString, in: canary.id) < canary.settings.percent / 100
        var routed = minion
        // A cached answer of the active release stays good while a trial goes on.
        routed.canary = nil
        if isTrial { routed.releaseID = canary.releaseID }
        (self.minion, self.canary, arm) = (routed, canary, isTrial ? .canary : .active)
    }

    /// Where a conversation lies on the scale of 0..<1: the first 53 bits of SHA-256 over trial and conversation, so that
    /// each trial has another share of them.
    static func place(of conversation: String, in trial: String) -> Double {
        let digest = SHA256.hash(data: Data("\(trial):\(conversation)".utf8))
        let bits = digest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } >> 11
        return Double(bits) / Double(1 << 53)
    }
}
