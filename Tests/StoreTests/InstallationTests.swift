import Foundation
import Store
import TestDatabases
import Testing

@Suite struct InstallationTests {
    private func open(_ store: TemporaryStore, _ folder: InstallationFolder) async throws -> Store {
        try await Store(database: store.place.open(), vault: KeyVault(keys: Fernet.generateKey()), folder: folder)
    }

    private func refusal(_ body: () async throws -> Store) async -> String? {
        do {
            try await body().close()
            return nil
        } catch let error as WrongDatabase { return error.description } catch { return "\(error)" }
    }

    @Test func anInstallationGetsOneIDAndKeepsIt() async throws {
        try await withStore { store in
            let id = try await store.store.installation()
            #expect(id.hasPrefix("ins_"))
            #expect(try await store.store.installation() == id)
            let again = try await open(store, InstallationFolder(path: "/d", id: id, users: ["usr_of_nobody"]))
            #expect(try await again.installation() == id)
            try again.close()
        }
    }

    @Test func aFolderOfAnotherInstallationIsRefusedByName() async throws {
        try await withStore { store in
            let id = try await store.store.installation()
            let said = await refusal { try await open(store, InstallationFolder(path: "/other/data", id: "ins_other", users: [])) }
            #expect(said?.contains("/other/data belongs to installation ins_other") == true && said?.contains(id) == true)
        }
    }

    @Test func aNewDatabaseIsRefusedBesideAFolderThatHasOne() async throws {
        try await withStore { store in
            let said = await refusal { try await open(store, InstallationFolder(path: "/d", id: "ins_a", users: [])) }
            #expect(said?.contains("it is new") == true && said?.contains("installation.id") == true)
        }
    }

    @Test func filesOfUsersNobodyKnowsAreRefused() async throws {
        try await withStore { store in
            let user = try await store.user("ann")
            #expect(
                await refusal { try await open(store, InstallationFolder(path: "/d", id: nil, users: ["usr_x", "usr_y"])) }?.contains("2 users")
                    == true)
            #expect(await refusal { try await open(store, InstallationFolder(path: "/d", id: nil, users: ["usr_x", user.id])) } == nil)
            #expect(await refusal { try await open(store, InstallationFolder(path: "/d", id: nil, users: [])) } == nil)
        }
    }

    @Test func aSchemaThatIsNewerIsRefusedAndLeftAsItIs() async throws {
        try await withStore { store in
            let database = try store.place.open()
            try await database.write { connection in
                let newest = try connection.query("SELECT MAX(version) AS version FROM schema_migrations")[0].int("version")
                try connection.query(
                    "INSERT INTO schema_migrations (version, applied_at) VALUES ($1, $2)", SQLValue(newest + 1), SQLValue(Date()))
                try connection.query("DELETE FROM schema_migrations WHERE version = $1", SQLValue(newest))
            }
            let said = await refusal { try await Store(database: store.place.open(), vault: KeyVault(keys: Fernet.generateKey())) }
            #expect(said?.contains("newer version of Atelier") == true)
            let count = try await database.read { try $0.query("SELECT COUNT(*) AS n FROM schema_migrations")[0].int("n") }
            let newest = try await database.read { try $0.query("SELECT MAX(version) AS n FROM schema_migrations")[0].int("n") }
            #expect(count == newest - 1, "the one that is missing was not made up for")
            try database.close()
        }
    }

    @Test(.enabled("SQLite alone can be given a size") { !TestDatabase.isPostgres })
    func aFullDatabaseSaysSoAndCanBeRead() async throws {
        try await withStore { store in
            let database = try store.place.open()
            try await database.write { try $0.query("PRAGMA max_page_count = 1") }
            let audit = String(repeating: "x", count: 200_000)
            await #expect {
                try await database.write { connection in
                    try connection.query(
                        "INSERT INTO audit_log (id, at, action, detail) VALUES ('a', 0, 'b', $1)", .text(audit))
                }
            } throws: { error in
                if case DatabaseError.diskFull = error { true } else { false }
            }
            #expect(try await database.read { try $0.query("SELECT COUNT(*) AS n FROM audit_log")[0].int("n") } == 0)
            try database.close()
        }
    }

    @Test func aFolderWithRoomHasRoom() throws {
        #expect(!DiskSpace.isExhausted(in: FileManager.default.temporaryDirectory.path))
        #expect(DiskSpace.isExhausted(ENOSPC) && DiskSpace.isExhausted(EDQUOT) && DiskSpace.isExhausted(EFBIG) && !DiskSpace.isExhausted(EIO))
    }
}
