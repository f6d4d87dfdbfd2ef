import Foundation
import Logging
import Pipeline
import Store
import TestDatabases
import Testing

@Suite struct DataDirectoryTests {
    private func withFolder(_ body: (DataDirectory) async throws -> Void) async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "atelier-data-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        try await body(DataDirectory(root))
    }

    @Test func publishingMovesAWholeFolderAndKeepsItPrivate() async throws {
        try await withFolder { data in
            let staging = try data.folder("users/u/jobs/j/adapter")
            try Data("x".utf8).write(to: staging.appending(path: "adapter.gguf"))
            try data.publish(staging, as: "users/u/adapters/a")
            #expect(FileManager.default.fileExists(atPath: data.url("users/u/adapters/a/adapter.gguf").path))
            #expect(!FileManager.default.fileExists(atPath: staging.path))
            let mode = try FileManager.default.attributesOfItem(atPath: data.url("users/u/adapters").path)[.posixPermissions] as? Int
            #expect(mode == 0o700)
        }
    }

    @Test func theSweepRemovesWhatNoRowRefersToAndNothingElse() async throws {
        try await withFolder { data in
            let store = try await Store(database: TestDatabase(in: data.root).open(), vault: KeyVault(keys: Fernet.generateKey()))
            let user = try await store.accounts(hasher: PasswordHasher(costExponent: 4)).create(email: "a@b", name: "a", password: "long enough")
            let rows = store.user(user.id)
            let minion = try await rows.createMinion(MinionDraft(name: "m", displayName: "m", provider: "local", modelID: "m"))
            let job = try await rows.createJob(.init(jobName: "j", minionID: minion.id, trainingType: .hybrid, datasetIDs: []))
            _ = try await rows.startJob(job.id)
            let claimed = try #require(try await store.queue.claim(worker: "w", lease: .seconds(60)))
            _ = try await store.queue.complete(
                claimed, worker: "w",
                release: .init(
                    adapter: .init(
                        id: "ada_kept", baseModel: "b", path: DataPaths.adapter("ada_kept", user: user.id), sha256: "s", rank: 1, bytes: 1),
                    collection: .init(
                        id: "col_kept", name: "c", embedder: "e", dimension: 1, version: 2, documentCount: 1, chunkCount: 1, bytes: 1),
                    evaluation: .init()))
            let kept = [
                DataPaths.adapter("ada_kept", user: user.id), DataPaths.collection("col_kept", version: 1, user: user.id),
                DataPaths.collection("col_kept", version: 2, user: user.id),
            ]
            let unfinished = [
                DataPaths.adapter("ada_lost", user: user.id), DataPaths.collection("col_lost", version: 1, user: user.id),
                DataPaths.collection("col_kept", version: 3, user: user.id), DataPaths.collection("col_kept", user: user.id) + "/v3.building",
                DataPaths.job("job_x", user: user.id), "users/\(user.id)/uploads",
                DataPaths.dataset(sha256: "d", user: user.id),
            ]
            for path in kept + unfinished { _ = try data.folder(path) }
            try await Housekeeping(store: store, data: data, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }).sweep()
            for path in kept { #expect(FileManager.default.fileExists(atPath: data.url(path).path), "kept \(path)") }
            for path in unfinished { #expect(!FileManager.default.fileExists(atPath: data.url(path).path), "removed \(path)") }
        }
    }
}
