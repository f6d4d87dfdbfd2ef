import Foundation
import Store
import Synchronization

/// One-time sign-in links: a code that opens one session of one user, once and for an hour. Kept as hashes in
/// memory, so a restart ends them.
public final class SignInLinks: Sendable {
    private let open = Mutex<[String: (user: String, until: Date)]>([:])

    package init() {}

    /// - Returns: the code, of 256 random bits, which is kept nowhere.
    public func make(user: String, lifetime: TimeInterval = 3600, now: Date = Date()) -> String {
        let code = String(Token.session().dropFirst("session_".count))
        open.withLock { open in
            open = open.filter { $0.value.until > now }
            open[Token.hash(code)] = (user, now.addingTimeInterval(lifetime))
        }
        return code
    }

    /// - Returns: whose the code is; nil for one that is unknown, used or old.
    package func redeem(_ code: String, now: Date = Date()) -> String? {
        guard let entry = open.withLock({ $0.removeValue(forKey: Token.hash(code)) }), entry.until > now else { return nil }
        return entry.user
    }
}
