import Foundation
import Store
import TestDatabases
import Testing

@Suite struct ProviderKeyTests {
    @Test func severalKeysOfAProviderAreToldApartByLabelAndId() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            let first = try await rows.createProviderKey("openai", key: "sk-first-0123456789", baseURL: nil)
            #expect(first.label == ProviderKey.defaultLabel && first.weight == 1 && first.maxConcurrent == nil)
            await #expect(throws: StoreError.self) { try await rows.createProviderKey("openai", key: "sk-again-0123456789", baseURL: nil) }
            let settings = ProviderKeySettings(
                label: "second", baseURL: "https://example.org", weight: 3, maxConcurrent: 2,
                prices: [ModelPrice(model: "m", input: 1, cachedInput: 0.5, output: 2)])
            let second = try await rows.createProviderKey("openai", key: "sk-second-0123456789", settings: settings)
            #expect(second.settings == settings)
            #expect(try await rows.providerKeys("openai").map(\.id) == [first.id, second.id])
            #expect(try await rows.providerKey(second.id) == second)
            // A provider with several keys is no name for one of them; the message names them all.
            for use in [
                { _ = try await rows.providerKey("openai") }, { _ = try await rows.deleteProviderKey("openai") },
                { _ = try await rows.updateProviderKey("openai", key: nil, settings: .init()) },
            ] as [() async throws -> Void] {
                await #expect {
                    try await use()
                } throws: { error in
                    guard case StoreError.conflict(_, let message) = error else { return false }
                    return message.contains(first.id) && message.contains(second.id) && !message.contains("0123456789")
                }
            }
            let opened = try await rows.openProviderKeys("openai")
            #expect(opened.map(\.key) == ["sk-first-0123456789", "sk-second-0123456789"] && opened.map(\.weight) == [1, 3])
            #expect(opened[1].maxConcurrent == 2 && opened[1].prices == settings.prices && opened[1].baseURL == "https://example.org")
            await #expect(throws: StoreError.self) {
                try await rows.updateProviderKey(second.id, key: nil, settings: .init(label: ProviderKey.defaultLabel))
            }
            try await rows.deleteProviderKey(first.id)
            #expect(try await rows.providerKey("openai").id == second.id)
        }
    }

    @Test func whatATestFoundIsForgottenWithTheKeyItWasAbout() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            let test = KeyTest(outcome: "ok", message: "answers", at: Date(timeIntervalSince1970: 1000))
            let key = try await rows.createProviderKey("openai", key: "sk-0123456789", settings: .init(), test: test)
            #expect(key.testOutcome == "ok" && key.testMessage == "answers" && key.testedAt == test.at)
            let relabelled = try await rows.updateProviderKey(key.id, key: nil, settings: .init(label: "x", weight: 2))
            #expect(relabelled.testOutcome == "ok" && relabelled.label == "x")
            let moved = try await rows.updateProviderKey(key.id, key: nil, settings: .init(label: "x", baseURL: "https://elsewhere.example"))
            #expect(moved.testOutcome == nil && moved.testedAt == nil)
            try await rows.recordKeyTest(key.id, KeyTest(outcome: "authentication", message: "no"))
            #expect(try await rows.providerKey(key.id).testOutcome == "authentication")
            #expect(try await rows.updateProviderKey(key.id, key: "sk-new-0123456789", settings: moved.settings).testOutcome == nil)
        }
    }

    @Test func oneKeyThatOpensIsEnough() async throws {
        let (old, new) = (Fernet.generateKey(), Fernet.generateKey())
        try await withStore(keys: old) { store in
            let user = try await store.user("ann").id
            _ = try await store.store.user(user).createProviderKey("openai", key: "sk-old-0123456789", baseURL: nil)
            let later = try await store.reopened(keys: new)
            await #expect(throws: KeyVault.Failure.self) { try await later.user(user).openProviderKeys("openai") }
            _ = try await later.user(user).createProviderKey("openai", key: "sk-new-0123456789", settings: .init(label: "new"))
            #expect(try await later.user(user).openProviderKeys("openai").map(\.key) == ["sk-new-0123456789"])
            try later.close()
        }
    }

    @Test func aDatabaseOfTheFirstVersionKeepsItsKeys() async throws {
        let encryption = Fernet.generateKey()
        let vault = try KeyVault(keys: encryption)
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-first-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let place = try await TestDatabase(in: folder)
        try await FirstVersion.make(in: place) { connection in
            for (id, provider, active) in [("key_1", "openai", 1), ("key_2", "anthropic", 0)] {
                try connection.query(
                    """
                    INSERT INTO user_api_keys (id, user_id, provider, encrypted_key, key_hint, base_url, is_active, created_at, updated_at)
                    VALUES ($1, 'usr_1', $2, $3, '…6789', 'https://example.org', $4, 1, 2)
                    """, .text(id), .text(provider), .text(vault.seal("sk-0123456789", user: "usr_1", provider: provider)), SQLValue(active))
            }
        }
        let store = try await Store(database: place.open(), vault: vault)
        let rows = store.user("usr_1")
        let kept = try await rows.providerKey("openai")
        #expect(kept.id == "key_1" && kept.label == "default" && kept.weight == 1 && kept.baseURL == "https://example.org" && kept.isActive)
        #expect(try await !rows.providerKey("anthropic").isActive)
        #expect(try await rows.openProviderKeys("openai").map(\.key) == ["sk-0123456789"])
        _ = try await rows.createProviderKey("openai", key: "sk-9876543210", settings: .init(label: "second"))
        #expect(try await rows.openProviderKeys("openai").count == 2)
        try store.close()
    }
}
