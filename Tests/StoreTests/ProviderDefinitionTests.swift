import Foundation
import Store
import Testing

@Suite struct ProviderDefinitionTests {
    @Test func aDefinitionIsItsOwnersAndSharedOnesAreEverybodys() async throws {
        try await withStore { store in
            let ann = store.store.user(try await store.user("ann").id)
            let bob = store.store.user(try await store.user("bob").id)
            let own = try await ann.definitions.create(provider: "acme", definition: #"{"v":1}"#)
            let shared = try await store.store.sharedDefinitions.create(provider: "house", definition: #"{"v":2}"#)
            #expect(try await ann.definitions.visible().map(\.provider) == ["acme", "house"])
            #expect(try await bob.definitions.visible().map(\.provider) == ["house"])
            #expect(try await ann.definitions.list().items == [own])
            for id in [own.id, shared.id] {
                await #expect(throws: StoreError.self) { try await bob.definitions.get(id) }
                await #expect(throws: StoreError.self) { try await bob.definitions.update(id, definition: "{}") }
                await #expect(throws: StoreError.self) { try await bob.definitions.delete(id) }
            }
            await #expect(throws: StoreError.self) { try await store.store.sharedDefinitions.get(own.id) }
            // The name is taken once an owner; a user's own stands before everybody's.
            await #expect(throws: StoreError.self) { try await ann.definitions.create(provider: "acme", definition: "{}") }
            await #expect(throws: StoreError.self) { try await store.store.sharedDefinitions.create(provider: "house", definition: "{}") }
            let bobs = try await bob.definitions.create(provider: "house", definition: #"{"v":3}"#)
            #expect(try await bob.definitions.visible() == [bobs])
        }
    }

    @Test func aDefinitionWithKeysStays() async throws {
        try await withStore { store in
            let rows = store.store.user(try await store.user("ann").id)
            let own = try await rows.definitions.create(provider: "acme", definition: "{}")
            let key = try await rows.createProviderKey("acme", key: "sk-0123456789", baseURL: nil)
            await #expect(throws: StoreError.self) { try await rows.definitions.delete(own.id) }
            try await rows.deleteProviderKey(key.id)
            try await rows.definitions.delete(own.id)
            #expect(try await rows.definitions.visible().isEmpty)
        }
    }
}
