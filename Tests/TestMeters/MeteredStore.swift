import Calls
import Domain
import Foundation
import Logging
import Store
import Synchronization
import TestDatabases

/// A store with a journal and a meter on a folder of its own, at a time the test sets.
package final class MeteredStore: Sendable {
    package let store: Store
    package let folder: URL
    package let journal: UsageJournal
    package let clock: TestClock
    package let meter: Meter

    package static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    package static func run(segmentBytes: Int = 8 << 20, _ body: (MeteredStore) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-meter-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder.appending(path: "usage"), withIntermediateDirectories: true)
        let store = try await Store(database: TestDatabase(in: folder).open(), vault: KeyVault(keys: Fernet.generateKey()))
        let metered = try MeteredStore(store: store, folder: folder, segmentBytes: segmentBytes)
        do { try await body(metered) } catch {
            try? store.close()
            throw error
        }
        try? store.close()
    }

    private init(store: Store, folder: URL, segmentBytes: Int) throws {
        self.store = store
        self.folder = folder
        journal = try UsageJournal(folder: folder.appending(path: "usage"), usage: store.usage, segmentBytes: segmentBytes, logger: Self.logger)
        let clock = TestClock()
        self.clock = clock
        meter = Meter(store: store, journal: journal, clock: { clock.now })
    }

    /// As after the process was killed: nothing but the files and the database is left.
    package func journalAgain() throws -> UsageJournal {
        try UsageJournal(folder: folder.appending(path: "usage"), usage: store.usage, logger: Self.logger)
    }

    package func meterAgain(_ journal: UsageJournal) -> Meter {
        let clock = clock
        return Meter(store: store, journal: journal, clock: { clock.now })
    }

    package var files: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "usage").path).sorted()) ?? [] }

    package func user(_ name: String = "ann") async throws -> UserStore {
        store.user(
            try await store.accounts(hasher: PasswordHasher(costExponent: 4)).create(
                email: "\(name)@example.org", name: name, password: "long enough"
            ).id)
    }

    package func record(
        minion: String? = nil, answer: String? = nil, key: String? = nil, tokens: Int = 10, cost: Double? = 0.01, model: String = "m", at: Date? = nil
    ) -> UsageRecord {
        UsageRecord(
            minionID: minion, answerID: answer, keyID: key, purpose: "answer", provider: "openai", model: model, at: at ?? clock.now,
            inputTokens: tokens, outputTokens: 0, cachedTokens: 0, isEstimate: false, cost: cost, latencyMilliseconds: 12.345678,
            firstTokenMilliseconds: nil, outcome: "ok")
    }
}

package final class TestClock: Sendable {
    /// 2026-11-23 12:00:00 UTC, a time far from a day's or a month's turn.
    private let time = Mutex(Date(timeIntervalSince1970: 1_795_435_200))
    package var now: Date { time.withLock { $0 } }
    package func advance(_ seconds: Double) { time.withLock { $0.addTimeInterval(seconds) } }
}

extension MinionDraft {
    package static func sample(_ name: String = "Wick") -> MinionDraft {
        MinionDraft(name: name, displayName: name, provider: "openai", modelID: "gpt-4o-mini")
    }
}

extension Limits {
    package static func having(_ change: (inout Limits) -> Void) -> Limits {
        var limits = Limits()
        change(&limits)
        return limits
    }
}
