import Foundation
import TestDatabases
import Testing

@testable import Store

@Suite struct AuditTests {
    private let person = AuditActor(userID: "usr_actor", address: "192.0.2.7")

    private func entries(_ store: TemporaryStore, _ change: (inout AuditFilter) -> Void = { _ in }) async throws -> [AuditEntry] {
        var filter = AuditFilter()
        change(&filter)
        return try await store.store.audit.entries(.all, filter).items
    }

    /// The row and its entry are one transaction: what is refused leaves neither.
    @Test func anEntryIsKeptWithTheRowOrNotAtAll() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            try await AuditActor.$current.withValue(person) {
                let minion = try await rows.createMinion(.sample())
                await #expect(throws: StoreError.self) { _ = try await rows.createMinion(.sample()) }
                await #expect(throws: StoreError.self) { _ = try await rows.updateMinion("min_0", .sample()) }
                let made = try await entries(store) { $0.action = "minion" }
                #expect(made.map(\.action) == ["minion.create"] && made[0].target == minion.id)
                #expect(made[0].actorID == person.userID && made[0].address == person.address && made[0].userID == rows.userID)
                // Nor can the row exist without its entry.
                try await store.store.database.write { try $0.script("ALTER TABLE audit_log RENAME TO away") }
                await #expect(throws: DatabaseError.self) { _ = try await rows.createMinion(.sample("Second")) }
                try await store.store.database.write { try $0.script("ALTER TABLE away RENAME TO audit_log") }
                #expect(try await rows.minions().items.map(\.id) == [minion.id])
            }
        }
    }

    @Test func anUpdateSaysWhereKeysGoNowAndQuotesNothingElse() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            let minion = try await rows.createMinion(.sample())
            var draft = MinionDraft.sample()
            (draft.provider, draft.baseURL, draft.systemPrompt) = ("custom", "https://example.org:8443/secret-path/v1?key=hidden", "confidential")
            _ = try await rows.updateMinion(minion.id, draft)
            let hook = try await rows.createWebhook(url: "https://hooks.example.org/services/T0/hidden", events: []).webhook.id
            _ = try await rows.updateWebhook(hook, url: "https://other.example.org/hidden?token=hidden", events: [], isActive: true)
            let key = try await rows.createProviderKey("openai", key: "sk-hidden-0123456789", settings: .init(label: "hidden label")).id
            _ = try await rows.updateProviderKey(
                key, key: "sk-hidden-again-0123456789", settings: .init(label: "hidden label", baseURL: "https://proxy.example.org/hidden"))
            let all = try await entries(store)
            func detail(_ action: String) -> [String: String]? { all.first { $0.action == action }?.detail }
            #expect(
                detail("minion.update")
                    == ["provider": "custom", "base_url": "https://example.org:8443", "changed": "system_prompt"])
            #expect(detail("webhook.create") == ["url": "https://hooks.example.org"])
            #expect(detail("webhook.update") == ["url": "https://other.example.org", "is_active": "true"])
            #expect(detail("provider_key.update")?["base_url"] == "https://proxy.example.org" && detail("provider_key.update")?["key"] == "replaced")
            #expect(!"\(all)".contains("hidden") && !"\(all)".contains("confidential") && !"\(all)".contains("6789"))
        }
    }

    @Test func failuresAreCountedByTheMinuteAndBounded() async throws {
        try await withStore { store in
            let ann = try await store.user("ann")
            func fail(_ email: String, from address: String) async throws {
                let session = try await AuditActor.$current.withValue(AuditActor(userID: nil, address: address)) {
                    try await store.accounts.logIn(email: email, password: "typed by mistake", lifetime: .seconds(60), ip: address, agent: nil)
                }
                #expect(session == nil)
            }
            for _ in 0..<3 { try await fail(ann.email, from: "192.0.2.7") }
            try await fail(String(repeating: "long", count: 500), from: "192.0.2.7")
            // A minute of its own, whatever the machine's speed.
            let minute = Date(milliseconds: 1_800_000_000_000 - 1_800_000_000_000 % 60_000)
            for number in 0..<100 {
                try await AuditActor.$current.withValue(AuditActor(userID: nil, address: "198.51.100.\(number)")) {
                    try await store.store.database.write {
                        try $0.auditRepeated(.logInFailed, within: 60, most: Accounts.failuresPerMinute, now: minute.addingTimeInterval(0.5))
                    }
                }
            }
            let failures = try await entries(store) { $0.action = "user.login_failed" }
            #expect(failures.filter { $0.at >= minute && $0.at < minute.addingTimeInterval(60) }.count == Accounts.failuresPerMinute + 1)
            #expect(failures.reduce(0) { $0 + $1.times } == 104)
            let known = failures.filter { $0.target == ann.id }
            #expect(known.reduce(0) { $0 + $1.times } == 3 && known.allSatisfy { $0.address == "192.0.2.7" && $0.userID == ann.id })
            #expect(failures.contains { $0.address == "many" && $0.target == nil && $0.times > 1 })
            #expect(!"\(failures)".contains("typed") && !"\(failures)".contains("long") && !"\(failures)".contains("@"))
        }
    }

    @Test func whatASuperuserReadsIsCountedByTheHour() async throws {
        try await withStore { store in
            let start = Date(milliseconds: 1_800_000_000_000 - 1_800_000_000_000 % 3_600_000)
            try await AuditActor.$current.withValue(person) {
                for (minutes, path) in [(1, "/a"), (59, "/a"), (2, "/b"), (61, "/a")] {
                    try await store.store.database.write {
                        try $0.auditRepeated(
                            .adminRead, of: "usr_read", within: 3600, now: start.addingTimeInterval(Double(minutes) * 60), ["path": path])
                    }
                }
            }
            let read = try await entries(store) { $0.userID = "usr_read" }
            #expect(Set(read.map { "\($0.detail["path"] ?? "") \($0.times)" }) == ["/a 2", "/b 1", "/a 1"] && read.count == 3)
            #expect(read.allSatisfy { $0.actorID == person.userID })
        }
    }

    @Test func entriesAreFoundByActorActionAndTimeAndGoWhenTheyAreOld() async throws {
        try await withStore { store in
            let audit = store.store.audit
            for (actor, action) in [("usr_a", AuditAction.datasetExport), ("usr_a", .keyTest), ("usr_b", .keyTest), ("usr_b", .keysRotate)] {
                try await AuditActor.$current.withValue(AuditActor(userID: actor, address: nil)) { try await audit.record(action, target: nil) }
            }
            #expect(try await entries(store) { $0.actorID = "usr_a" }.map(\.action) == ["provider_key.test", "dataset.export"])
            #expect(try await entries(store) { $0.action = "provider_key" }.compactMap(\.actorID) == ["usr_b", "usr_a"])
            #expect(try await entries(store) { $0.action = "keys" }.count == 1, "a whole word")
            #expect(try await entries(store) { ($0.action, $0.actorID) = ("provider_key.test", "usr_b") }.count == 1)
            #expect(try await entries(store) { $0.to = Date().addingTimeInterval(-60) }.isEmpty)
            #expect(try await entries(store) { $0.from = Date().addingTimeInterval(-60) }.count == 4)
            try await store.store.database.write {
                // More than one go of the sweep.
                for number in 0..<1500 {
                    try $0.query(
                        "INSERT INTO audit_log (id, at, action, detail) VALUES ($1, $2, 'user.login', '{}')", .text("aud_old\(number)"),
                        SQLValue(number))
                }
            }
            try await audit.sweep(before: Date().addingTimeInterval(-60))
            #expect(try await entries(store).count == 4)
        }
    }

    /// What comes from elsewhere; the requests themselves need archives and an engine.
    @Test func importsLeaveEntries() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            let minion = try await rows.createMinion(.sample()).id
            let adapter = ReleaseDraft.NewAdapter(id: "ada_1", baseModel: "b", path: "p", sha256: "s", rank: 1, bytes: 1)
            let first = try await AuditActor.$current.withValue(person) {
                try await rows.importAdapter(adapter, base: nil, minionID: minion, promotes: true)
            }
            let content = try #require(first.content)
            let second = try await AuditActor.$current.withValue(person) {
                try await rows.importRelease(
                    ImportedRelease(adapter: nil, collection: nil, content: content, evaluation: .init()), minionID: minion, promotes: false,
                    appliesSettings: false)
            }
            let all = try await entries(store) { $0.actorID = person.userID }
            #expect(all.map(\.action) == ["release.import", "release.promote", "adapter.import"])
            #expect(all.map(\.target) == [second.id, first.id, "ada_1"] && all.allSatisfy { $0.userID == rows.userID })
        }
    }

    /// An operator's rotation of keys says who ran it.
    @Test func commandsLeaveEntries() async throws {
        try await withStore { store in
            try await AuditActor.$current.withValue(.command) {
                _ = try await store.user("ann")
                try await store.accounts.setPassword("another one", email: "ann@example.org")
                _ = try await store.store.rotateKeys(dryRun: true)
                _ = try await store.store.rotateKeys()
            }
            let all = try await entries(store)
            #expect(all.map(\.action) == ["keys.rotate", "user.password", "user.create"])
            #expect(all.allSatisfy { $0.address?.hasPrefix("command:") == true && $0.actorID == nil })
        }
    }

    /// What a detail holds is bounded, whoever writes it.
    @Test func aDetailIsCut() async throws {
        try await withStore { store in
            try await store.store.audit.record(.keyTest, target: nil, ["text": String(repeating: "a", count: 10_000)])
            #expect(try await entries(store)[0].detail["text"]?.count == 200)
        }
    }

    /// Rows of an earlier version are read as what they were.
    @Test func entriesOfTheFirstVersionAreKept() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let place = try await TestDatabase(in: folder)
        try await FirstVersion.make(in: place) { connection in
            try connection.script(
                """
                INSERT INTO audit_log (id, at, actor_id, action, target, detail) VALUES ('aud_1', 5, 'usr_1', 'minion.delete', 'min_1', '{}');
                INSERT INTO sessions (token_hash, user_id, created_at, expires_at, last_seen) VALUES ('0', 'usr_1', 0, 9000000000000, 9000000000000);
                """)
        }
        let store = try await Store(database: place.open(), vault: KeyVault(keys: Fernet.generateKey()))
        let entry = try #require(try await store.audit.entries().items.first)
        #expect(entry.action == "minion.delete" && entry.target == "min_1" && entry.times == 1 && entry.address == nil && entry.userID == nil)
        let accounts = store.accounts(hasher: PasswordHasher(costExponent: 4))
        let session = try #require(try await accounts.sessions(of: "usr_1", current: "").first)
        try await accounts.endSession(session.id, of: "usr_1")
        #expect(try await accounts.sessions(of: "usr_1", current: "").isEmpty)
        try store.close()
    }
}
