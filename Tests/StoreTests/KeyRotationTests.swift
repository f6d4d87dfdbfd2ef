import Foundation
import Store
import TestDatabases
import Testing

@Suite struct KeyRotationTests {
    private let old = Fernet.generateKey()
    private let new = Fernet.generateKey()

    @Test func everyRowMovesToTheFirstKeyAndTheOldOneCanGo() async throws {
        try await withStore(keys: old) { store in
            let (ann, bob) = (try await store.user("ann").id, try await store.user("bob").id)
            for user in [ann, bob] {
                for label in ["one", "two"] {
                    _ = try await store.store.user(user).createProviderKey("openai", key: "sk-\(label)-0123456789", settings: .init(label: label))
                }
            }
            let rotating = try await store.reopened(keys: "\(new),\(old)")
            let dry = try await rotating.rotateKeys(dryRun: true)
            #expect(dry.rotated == 4 && dry.keys == 2)
            #expect(try await rotating.rotateKeys().rotated == 4, "the dry run changed nothing")
            // Again, as after an interruption: nothing is left to do.
            let again = try await rotating.rotateKeys()
            #expect(again.rotated == 0 && again.current == 4 && again.unreadable.isEmpty)
            try rotating.close()
            let alone = try await store.reopened(keys: new)
            for user in [ann, bob] {
                #expect(try await alone.user(user).openProviderKeys("openai").map(\.key) == ["sk-one-0123456789", "sk-two-0123456789"])
            }
            try alone.close()
        }
    }

    @Test func aRowNoKeyOpensStopsTheRotationAndIsNamed() async throws {
        let lost = Fernet.generateKey()
        try await withStore(keys: lost) { store in
            let ann = try await store.user("ann").id
            let orphan = try await store.store.user(ann).createProviderKey("anthropic", key: "sk-lost-0123456789", baseURL: nil)
            let writing = try await store.reopened(keys: old)
            _ = try await writing.user(ann).createProviderKey("openai", key: "sk-kept-0123456789", baseURL: nil)
            try writing.close()
            let rotating = try await store.reopened(keys: "\(new),\(old)")
            await #expect {
                try await rotating.rotateKeys()
            } throws: { error in
                (error as? KeyRotation.Refusal)?.rows.map(\.id) == [orphan.id] && !"\(error)".contains("gAAAA")
                    && "\(error)".contains("nothing was changed")
            }
            let before = try await store.reopened(keys: new)
            await #expect(throws: KeyVault.Failure.self) { try await before.user(ann).openProviderKeys("openai") }
            #expect(try await rotating.rotateKeys(skipUnreadable: true).rotated == 1)
            #expect(try await before.user(ann).openProviderKeys("openai").map(\.key) == ["sk-kept-0123456789"])
            try before.close()
            try rotating.close()
        }
    }

    /// Trap 11: a rotation that misses a table locks its rows away with the old key. Every text in every
    /// table is looked at, also in tables that are made after this test.
    @Test func trap11NoTokenOfTheOldKeyIsLeftInAnyTable() async throws {
        try await withStore(keys: old) { store in
            let ann = try await store.user("ann").id
            for label in ["one", "two"] {
                _ = try await store.store.user(ann).createProviderKey("openai", key: "sk-\(label)-0123456789", settings: .init(label: label))
            }
            let hook = try await store.store.user(ann).createWebhook(url: "https://example.org/hook", events: [])
            let opener = try Fernet(key: old)
            #expect(try await tokens(store).filter { (try? opener.decrypt($0)) != nil }.count == 3, "the test sees the tokens it looks for")
            let rotating = try await store.reopened(keys: "\(new),\(old)")
            _ = try await rotating.rotateKeys()
            try rotating.close()
            let left = try await tokens(store)
            let alone = try await store.reopened(keys: new)
            _ = try await alone.user(ann).pingWebhook(hook.webhook.id)
            #expect(try await alone.webhooks.due().map(\.secret) == [hook.secret], "a webhook still signs")
            try alone.close()
            #expect(left.count == 3 && left.allSatisfy { (try? opener.decrypt($0)) == nil })
        }
    }

    /// A column that a later migration fills with tokens has to be in the rotation's list. What such a
    /// column would be called cannot be known, so the schema itself is asked.
    @Test func everyColumnThatIsNamedForASecretIsRotated() async throws {
        try await withStore { store in
            let database = try store.place.open()
            let columns = try await database.read { connection in
                try TestDatabase.columns(connection).filter { name in
                    ["encrypted", "sealed", "secret"].contains { name.column.contains($0) }
                }.map { "\($0.table).\($0.column)" }
            }
            try database.close()
            #expect(
                columns.sorted() == ["user_api_keys.encrypted_key", "webhooks.encrypted_secret"], "tell SealedColumn.all of it, and then this test")
        }
    }

    /// Every Fernet-like text of every column of every table.
    private func tokens(_ store: TemporaryStore) async throws -> [String] {
        let database = try store.place.open()
        defer { try? database.close() }
        return try await database.read { connection in
            var found: [String] = []
            for (table, column) in try TestDatabase.columns(connection) {
                found += try connection.query(
                    "SELECT CAST(\"\(column)\" AS TEXT) AS value FROM \"\(table)\" WHERE CAST(\"\(column)\" AS TEXT) LIKE '%gAAAA%'"
                ).map { try $0.text("value") }
            }
            return found
        }
    }
}
