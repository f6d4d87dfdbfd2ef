import Foundation
import Logging
import Store
import TestDatabases
import Testing

@testable import Files

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
            let database = try await TestDatabase(in: data.root).open()
            let store = try await Store(database: database, vault: KeyVault(keys: Fernet.generateKey()))
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
                DataPaths.job("job_x", user: user.id), "users/\(user.id)/uploads/of-an-earlier-version",
                DataPaths.dataset(sha256: "d", user: user.id),
            ]
            for path in kept + unfinished { _ = try data.folder(path) }
            try await Housekeeping(store: store, data: data, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }).sweep()
            for path in kept { #expect(FileManager.default.fileExists(atPath: data.url(path).path), "kept \(path)") }
            for path in unfinished { #expect(!FileManager.default.fileExists(atPath: data.url(path).path), "removed \(path)") }
            // A row that cannot be read ends no sweep, which a start waits for, and costs no file.
            if TestDatabase.isPostgres { return }
            try await database.write(.serializable) {
                try $0.query("UPDATE collections SET bytes = 'abc'")
                try $0.query("UPDATE adapters SET bytes = 'abc'")
            }
            try await Housekeeping(store: store, data: data, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }).sweep()
            for path in kept { #expect(FileManager.default.fileExists(atPath: data.url(path).path), "kept \(path)") }
        }
    }

    /// A user whose job is running, so that adapters and collections without rows may be on their way to theirs.
    private func withBusyUser(_ body: (DataDirectory, Store, _ user: String, _ minion: String, Housekeeping) async throws -> Void) async throws {
        try await withFolder { data in
            let store = try await Store(database: TestDatabase(in: data.root).open(), vault: KeyVault(keys: Fernet.generateKey()))
            let user = try await store.accounts(hasher: PasswordHasher(costExponent: 4)).create(email: "a@b", name: "a", password: "long enough")
            let rows = store.user(user.id)
            let minion = try await rows.createMinion(MinionDraft(name: "m", displayName: "m", provider: "local", modelID: "m"))
            let job = try await rows.createJob(.init(jobName: "j", minionID: minion.id, trainingType: .hybrid, datasetIDs: []))
            _ = try await rows.startJob(job.id)
            _ = try #require(try await store.queue.claim(worker: "w", lease: .seconds(600)))
            try await body(
                data, store, user.id, minion.id,
                Housekeeping(store: store, data: data, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        }
    }

    private func exists(_ path: String, _ data: DataDirectory) -> Bool { FileManager.default.fileExists(atPath: data.url(path).path) }

    @Test(arguments: [true, false]) func whatAKilledImportMovedWithoutItsRowsGoesWhileJobsRun(atStart: Bool) async throws {
        try await withBusyUser { data, store, user, minion, housekeeping in
            let adapter = DataPaths.adapter("ada_killed", user: user)
            let collection = DataPaths.collection("col_killed", user: user)
            let dataset = DataPaths.dataset(sha256: "killed", user: user)
            let written = DataPaths.adapter("ada_written", user: user)
            let unclaimed = DataPaths.adapter("ada_of_the_job", user: user)
            for path in [adapter, collection + "/v1", written, unclaimed] { _ = try data.folder(path) }
            _ = try data.folder("users/\(user)/datasets")
            try Data("x".utf8).write(to: data.url(dataset))
            _ = try await store.user(user).importAdapter(
                .init(id: "ada_written", baseModel: "b", path: written, sha256: "s", rank: 1, bytes: 1), base: nil, minionID: minion, promotes: false)
            // The lock goes with its owner, and the folder stays: what a kill leaves.
            var owner: WorkingFolder? = try WorkingFolder(data, user: user)
            let folder = try #require(owner?.url)
            try owner?.claims.add([adapter, collection, dataset, written, "users/\(user)/jobs/../adapters", "users/other/adapters/x", ""])
            owner = nil
            // A child that another test starts at this very moment shares the lock until it becomes its own program.
            for _ in 0..<1000 where FileManager.default.fileExists(atPath: folder.path) {
                try await atStart ? housekeeping.sweep() : housekeeping.sweepUploads()
                await Task.yield()
            }
            for path in [adapter, collection, dataset] { #expect(!exists(path, data), "removed \(path)") }
            for path in [written, unclaimed] { #expect(exists(path, data), "kept \(path)") }
            #expect(!FileManager.default.fileExists(atPath: folder.path))
        }
    }

    @Test(arguments: [true, false]) func whatALiveImportHasOnItsWayStays(atStart: Bool) async throws {
        try await withBusyUser { data, _, user, _, housekeeping in
            let adapter = DataPaths.adapter("ada_coming", user: user)
            let owner = try WorkingFolder(data, user: user)
            try Data("x".utf8).write(to: owner.url.appending(path: "archive"))
            try owner.claims.add([adapter])
            _ = try data.folder(adapter)
            try await atStart ? housekeeping.sweep() : housekeeping.sweepUploads()
            #expect(exists(adapter, data) && FileManager.default.fileExists(atPath: owner.url.appending(path: "archive").path))
            owner.remove()
            #expect(!FileManager.default.fileExists(atPath: owner.url.path))
        }
    }

    @Test func whatAKilledJobHadMovedGoesWithItsFolder() async throws {
        try await withBusyUser { data, _, user, _, housekeeping in
            let adapter = DataPaths.adapter("ada_of_a_gone_job", user: user)
            let folder = try data.folder(DataPaths.job("job_gone", user: user))
            try FileClaims(folder: folder).add([adapter])
            _ = try data.folder(adapter)
            try await housekeeping.sweepJobs()
            #expect(!exists(adapter, data) && !exists(DataPaths.job("job_gone", user: user), data))
        }
    }

    @Test func aFileLongerThanItMayBeIsNotReadWhole() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "atelier-bounded-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(repeating: 7, count: 100).write(to: file)
        #expect(try BoundedFile.read(file, maxBytes: 100).count == 100)
        #expect(throws: LocatedError.self) { try BoundedFile.read(file, maxBytes: 99) }
    }
}
