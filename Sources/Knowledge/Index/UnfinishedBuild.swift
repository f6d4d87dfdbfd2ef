import Foundation

/// A collection on its way: opened new or where an interrupted attempt stopped.
struct UnfinishedBuild {
    let folder: URL
    let database: ChunkDatabase
    let vectors: VectorWriter
    /// Vectors that are on disk already.
    let embedded: Int
    let lock: BuildLock

    /// Folder for unpacked archives; emptied here, because an attempt that was killed left its files.
    var scratch: URL { folder.appendingPathComponent("scratch", isDirectory: true) }

    /// Opens `directory`'s unfinished build if it has the same fingerprint, else starts a new one.
    ///
    /// - Throws: `KnowledgeError.buildBusy` while another builder works on it, unless it is built beside that.
    static func open(
        _ directory: URL, fingerprint: String, embedder: EmbedderIdentity, settings: ChunkingSettings, whenBusy: CollectionBuilder.WhenBusy
    ) throws -> UnfinishedBuild {
        var number = 1
        while true {
            let folder = CollectionFolder.unfinished(directory, beside: number)
            try Durable.createPrivateFolder(folder)
            let lock: BuildLock
            do { lock = try BuildLock(folder, collection: directory.lastPathComponent) } catch KnowledgeError.buildBusy {
                guard whenBusy == .buildBeside else { throw KnowledgeError.buildBusy(collection: directory.lastPathComponent) }
                number += 1
                continue
            }
            return try open(folder, lock: lock, fingerprint: fingerprint, embedder: embedder, settings: settings)
        }
    }

    private static func open(
        _ folder: URL, lock: BuildLock, fingerprint: String, embedder: EmbedderIdentity, settings: ChunkingSettings
    ) throws -> UnfinishedBuild {
        let file = folder.appendingPathComponent(CollectionFolder.chunks)
        if FileManager.default.fileExists(atPath: file.path) {
            // An unfinished build may be damaged in any way a crash can damage it; it is only a saving.
            do {
                let database = try ChunkDatabase.openForBuilding(file)
                if try database.get(.fingerprint) == fingerprint {
                    return try resume(folder, database: database, dimension: embedder.dimension, lock: lock)
                }
                try database.close()
            } catch let error as KnowledgeError {
                throw error
            } catch {}
        }
        for entry in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        where entry.lastPathComponent != CollectionFolder.lock {
            try FileManager.default.removeItem(at: entry)
        }
        let database = try ChunkDatabase.openForBuilding(file)
        try database.queue.write { db in
            try ChunkDatabase.set(.format, ChunkDatabase.formatVersion, db)
            try ChunkDatabase.set(.embedder, ChunkDatabase.json(embedder), db)
            try ChunkDatabase.set(.settings, ChunkDatabase.json(settings), db)
            try ChunkDatabase.set(.fingerprint, fingerprint, db)
        }
        return try resume(folder, database: database, dimension: embedder.dimension, lock: lock)
    }

    private static func resume(_ folder: URL, database: ChunkDatabase, dimension: Int, lock: BuildLock) throws -> UnfinishedBuild {
        let known = Int(try database.get(.embedded) ?? "0") ?? 0
        let (vectors, rows) = try VectorWriter.open(folder, dimension: dimension, rows: known)
        let build = UnfinishedBuild(folder: folder, database: database, vectors: vectors, embedded: rows, lock: lock)
        try? FileManager.default.removeItem(at: build.scratch)
        try Durable.createPrivateFolder(build.scratch)
        return build
    }

    /// Releases the files; the folder stays for the next attempt.
    func abandon() {
        vectors.close()
        try? database.close()
        try? FileManager.default.removeItem(at: scratch)
    }

    /// Flushes everything and gives the collection its name. Only whole collections get one.
    func publish(as directory: URL, chunks: Int) throws {
        try vectors.finish(count: chunks)
        try database.close()
        try FileManager.default.removeItem(at: scratch)
        try Durable.synchronise(folder.appendingPathComponent(CollectionFolder.chunks))
        try Durable.synchronise(folder)
        guard rename(folder.path, directory.path) == 0 else { throw Durable.posixError() }
        // Held until here: another builder that waits for the old name finds the collection instead.
        try FileManager.default.removeItem(at: directory.appendingPathComponent(CollectionFolder.lock))
        try Durable.synchronise(directory)
        try Durable.synchronise(directory.deletingLastPathComponent())
    }
}
