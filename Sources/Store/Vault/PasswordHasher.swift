import Crypto
import CryptoExtras
import Foundation
import Synchronization

/// scrypt (RFC 7914). Hashes read `scrypt$log2N$r$p$salt$hash`, so the cost can rise later.
public struct PasswordHasher: Sendable {
    /// log2 of the work factor N: 15 takes 32 MiB and about 0.1 s.
    public var costExponent: Int
    // One queue of its own: scrypt must not hold a thread of the concurrency pool for 0.1 s, and many
    // log-ins at once must queue rather than take 32 MiB each.
    private static let queue = DispatchQueue(label: "atelier.password", qos: .userInitiated)

    public init(costExponent: Int = 15) { self.costExponent = costExponent }

    public func hash(_ password: String) async throws -> String {
        let salt = Self.salt()
        let hash = try await Self.derive(password, salt: salt, exponent: costExponent)
        return "scrypt$\(costExponent)$8$1$\(salt.base64EncodedString())$\(hash.base64EncodedString())"
    }

    public func verify(_ password: String, against stored: String) async throws -> Bool {
        let parts = stored.split(separator: "$").map(String.init)
        guard parts.count == 6, let exponent = Self.cost(of: stored), let salt = Data(base64Encoded: parts[4]),
            let expected = Data(base64Encoded: parts[5])
        else { return false }
        return constantTimeEqual(try await Self.derive(password, salt: salt, exponent: exponent), expected)
    }

    /// The cost a hash was made with, from its beginning; nil for what is no hash of ours.
    static func cost(of stored: String) -> Int? {
        let parts = stored.split(separator: "$", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "scrypt", let exponent = Int(parts[1]), (1...22).contains(exponent) else { return nil }
        return exponent
    }

    /// The work of a verification of that cost, for an address that has no hash.
    static func pretend(_ password: String, cost exponent: Int) async throws {
        _ = try await derive(password, salt: salt(), exponent: exponent)
    }

    private static func salt() -> Data { SymmetricKey(size: .bits128).withUnsafeBytes { Data($0) } }

    private static func derive(_ password: String, salt: Data, exponent: Int) async throws -> Data {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(
                    with: Result {
                        let key = try KDF.Scrypt.deriveKey(
                            from: Data(password.utf8), salt: salt, outputByteCount: 32, rounds: 1 << exponent, blockSize: 8,
                            parallelism: 1, maxMemory: 1 << 30)
                        return key.withUnsafeBytes { Data($0) }
                    })
            }
        }
    }
}

/// How many accounts have a password of which cost. An unknown address is given one of these costs: hashes of an
/// earlier cost take another time to verify, and if every unknown address took the time of today's, that alone would
/// tell who has an account. Which one is the address's own and stays, as a known address's does until its owner signs in.
final class PasswordCosts: Sendable {
    private typealias Count = (cost: Int, accounts: Int)
    /// How old the counts may be, in seconds.
    private static let age = 60.0
    private let counts = Mutex<(at: Date, counts: [Count])?>(nil)

    /// - Parameter current: what passwords cost now; accounts move to it as their owners sign in.
    func draw(for address: String, current: Int, _ database: any Database, _ vault: KeyVault) async throws -> Int {
        let counts = try await read(database, now: Date())
        // The current cost last: while accounts move to it, a pretended one changes to it as well and never back.
        let ordered = counts.sorted { ($0.cost == current ? 1 : 0, $0.cost) < ($1.cost == current ? 1 : 0, $1.cost) }
        let total = ordered.reduce(0) { $0 + $1.accounts }
        var place = Double(vault.pseudonym("password cost of \(address)")) / 0x1p64 * Double(total)
        for count in ordered {
            place -= Double(count.accounts)
            if place < 0 { return count.cost }
        }
        return current
    }

    private func read(_ database: any Database, now: Date) async throws -> [Count] {
        if let known = counts.withLock({ $0 }), now.timeIntervalSince(known.at) < Self.age { return known.counts }
        // As much of a hash as holds its cost.
        let rows = try await database.scan {
            try $0.query("SELECT substr(password_hash, 1, 10) AS start, COUNT(*) AS n FROM users GROUP BY substr(password_hash, 1, 10)")
        }
        var found: [Int: Int] = [:]
        for row in rows { if let cost = PasswordHasher.cost(of: try row.text("start")) { found[cost, default: 0] += try row.int("n") } }
        let read: [Count] = found.map { ($0.key, $0.value) }
        counts.withLock { $0 = (now, read) }
        return read
    }
}

func constantTimeEqual(_ a: Data, _ b: Data) -> Bool {
    guard a.count == b.count else { return false }
    return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
}
