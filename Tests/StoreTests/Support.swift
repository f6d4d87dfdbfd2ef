import Foundation
import Store
import TestDatabases

/// A store on a real database of its own, gone with the test.
struct TemporaryStore {
    let store: Store
    let folder: URL
    let place: TestDatabase

    /// - Parameter keys: as in `API_KEY_ENCRYPTION_KEY`; nil makes one.
    static func make(keys: String? = nil) async throws -> TemporaryStore {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let place = try await TestDatabase(in: folder)
        let store = try await Store(database: place.open(), vault: KeyVault(keys: keys ?? Fernet.generateKey()))
        return TemporaryStore(store: store, folder: folder, place: place)
    }

    /// The same database with other encryption keys, as a second process has it.
    func reopened(keys: String) async throws -> Store {
        try await Store(database: place.open(), vault: KeyVault(keys: keys))
    }

    func close() {
        try? store.close()
        try? FileManager.default.removeItem(at: folder)
    }

    /// scrypt at its cheapest: these tests are not about its cost.
    var accounts: Accounts { store.accounts(hasher: PasswordHasher(costExponent: 4)) }

    func user(_ name: String, role: User.Role = .user) async throws -> User {
        try await accounts.create(email: "\(name)@example.org", name: name, password: "long enough", role: role)
    }
}

func withStore(keys: String? = nil, _ body: (TemporaryStore) async throws -> Void) async throws {
    let store = try await TemporaryStore.make(keys: keys)
    do { try await body(store) } catch {
        store.close()
        throw error
    }
    store.close()
}

extension MinionDraft {
    static func sample(_ name: String = "Wick") -> MinionDraft {
        MinionDraft(name: name, displayName: name, provider: "local", modelID: "smollm2-135m-instruct")
    }
}
