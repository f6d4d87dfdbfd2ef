import Calls
import Files
import Foundation
import Logging
import Providers
import Store
import Synchronization
import TestDatabases
import Testing

@Suite struct MinionSnapshotsTests {
    private struct Setup {
        let store: Store
        let database: InterruptedDatabase
        let snapshots: MinionSnapshots
        let clock: Clock
        let rows: UserStore
        let minion: Minion
        let token: String
    }

    private final class Clock: Sendable {
        private let time = Mutex(ContinuousClock.now)
        var now: ContinuousClock.Instant { time.withLock { $0 } }
        func advance(_ duration: Duration) { time.withLock { $0 += duration } }
    }

    private func withSetup(_ body: (Setup) async throws -> Void) async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "atelier-snapshots-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        let data = try DataDirectory(root)
        let database = InterruptedDatabase(try await TestDatabase(in: data.root).open())
        let store = try await Store(database: database, vault: KeyVault(keys: Fernet.generateKey()))
        let user = try await store.accounts(hasher: PasswordHasher(costExponent: 4)).create(email: "a@b", name: "a", password: "long enough")
        let rows = store.user(user.id)
        let minion = try await rows.createMinion(Self.draft("openai"))
        let clock = Clock()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let folder = data.root.appending(path: "usage")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let caller = ModelCaller(
            store: store, catalog: ProviderCatalog(store: store, standard: .standard(), transport: HTTPTransport()),
            router: Router(registry: .standard()),
            meter: Meter(store: store, journal: try UsageJournal(folder: folder, usage: store.usage, logger: logger)))
        try await body(
            Setup(
                store: store, database: database,
                snapshots: MinionSnapshots(caller: caller, patience: .seconds(600), logger: logger, now: { clock.now }),
                clock: clock, rows: rows,
                minion: minion, token: try await rows.regenerateMinionToken(minion.id)))
    }

    private static func draft(_ provider: String) -> MinionDraft { MinionDraft(name: "m", displayName: "m", provider: provider, modelID: "m") }

    @Test func aSecondRequestReadsNothing() async throws {
        try await withSetup { setup in
            let first = try #require(try await setup.snapshots.snapshot(forToken: setup.token))
            #expect(first.minion.id == setup.minion.id && first.names == ["m", setup.minion.id])
            #expect(try await setup.snapshots.snapshot(forToken: setup.token) === first)
            #expect(try await setup.snapshots.snapshot(forToken: "minion_of_nobody") == nil)
        }
    }

    @Test func everyChangeIsSeenByTheNextRequest() async throws {
        try await withSetup { setup in
            let (rows, id) = (setup.rows, setup.minion.id)
            func seen() async throws -> MinionSnapshot? { try await setup.snapshots.snapshot(forToken: setup.token) }
            var last = try await seen()
            func changes(_ what: String, _ write: () async throws -> Void) async throws {
                try await write()
                let next = try await seen()
                #expect(next !== last, "\(what) was not seen")
                last = next
            }
            try await changes("a provider") { _ = try await rows.updateMinion(id, Self.draft("groq")) }
            #expect(last?.minion.provider == "groq")
            try await changes("a new key") { _ = try await rows.createProviderKey("groq", key: "gsk-abcdefghijkl", baseURL: nil) }
            try await changes("a deleted key") { try await rows.deleteProviderKey("groq") }
            let accounts = setup.store.accounts(hasher: PasswordHasher(costExponent: 4))
            _ = try await accounts.setActive(false, user: rows.userID)
            #expect(try await seen() == nil, "a closed account's token")
            _ = try await accounts.setActive(true, user: rows.userID)
            #expect(try await seen() != nil)
            let fresh = try await rows.regenerateMinionToken(id)
            #expect(try await seen() == nil, "the old token")
            #expect(try await setup.snapshots.snapshot(forToken: fresh)?.minion.id == id)
        }
    }

    /// What another process writes is not counted here; the age bounds it.
    @Test func aSnapshotLivesASecond() async throws {
        try await withSetup { setup in
            let first = try await setup.snapshots.snapshot(forToken: setup.token)
            setup.clock.advance(.milliseconds(400))
            #expect(try await setup.snapshots.snapshot(forToken: setup.token) === first)
            setup.clock.advance(.milliseconds(700))
            #expect(try await setup.snapshots.snapshot(forToken: setup.token) !== first)
        }
    }

    @Test func aRequestInTheSecondHalfRenewsItForTheOthers() async throws {
        try await withSetup { setup in
            let first = try await setup.snapshots.snapshot(forToken: setup.token)
            setup.clock.advance(.milliseconds(600))
            let second = try await setup.snapshots.snapshot(forToken: setup.token)
            #expect(second !== first)
            setup.clock.advance(.milliseconds(450))
            #expect(try await setup.snapshots.snapshot(forToken: setup.token) === second)
        }
    }

    // MARK: while the database is away

    private func isUnavailable(_ body: () async throws -> MinionSnapshot?) async -> Bool {
        do { _ = try await body() } catch DatabaseError.unavailable { return true } catch {}
        return false
    }

    @Test func anOutageIsBridgedFromMemoryForAStatedTime() async throws {
        try await withSetup { setup in
            let first = try #require(try await setup.snapshots.snapshot(forToken: setup.token))
            setup.database.isAway = true
            for _ in 0..<3 {
                setup.clock.advance(.seconds(99))
                #expect(try await setup.snapshots.snapshot(forToken: setup.token) === first)
            }
            setup.clock.advance(.seconds(4))
            #expect(await isUnavailable { try await setup.snapshots.snapshot(forToken: setup.token) }, "after five minutes it is over")
        }
    }

    @Test func whatWasNotInMemoryWhenTheOutageBeganStaysOut() async throws {
        try await withSetup { setup in
            let other = try await setup.rows.createMinion(MinionDraft(name: "o", displayName: "o", provider: "openai", modelID: "m"))
            let token = try await setup.rows.regenerateMinionToken(other.id)
            _ = try await setup.snapshots.snapshot(forToken: setup.token)
            setup.database.isAway = true
            setup.clock.advance(.seconds(2))
            #expect(await isUnavailable { try await setup.snapshots.snapshot(forToken: token) })
            #expect(try await setup.snapshots.snapshot(forToken: setup.token) != nil)
        }
    }

    @Test func aTokenThatWasTakenBackBeforeTheOutageStaysOut() async throws {
        try await withSetup { setup in
            _ = try await setup.snapshots.snapshot(forToken: setup.token)
            let fresh = try await setup.rows.regenerateMinionToken(setup.minion.id)
            setup.database.isAway = true
            #expect(await isUnavailable { try await setup.snapshots.snapshot(forToken: setup.token) })
            #expect(await isUnavailable { try await setup.snapshots.snapshot(forToken: fresh) })
        }
    }

    @Test func afterTheOutageRowsAreReadAgain() async throws {
        try await withSetup { setup in
            let first = try await setup.snapshots.snapshot(forToken: setup.token)
            setup.database.isAway = true
            setup.clock.advance(.seconds(2))
            #expect(try await setup.snapshots.snapshot(forToken: setup.token) === first)
            setup.database.isAway = false
            // Whoever asks first after the database answers reads; until that is noticed the old one may still come.
            while try await setup.snapshots.snapshot(forToken: setup.token) === first { await Task.yield() }
        }
    }
}
