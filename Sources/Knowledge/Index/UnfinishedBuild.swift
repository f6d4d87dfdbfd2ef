import Foundation

/// A collection on its way: opened new or where an interrupted attempt stopped.
struct UnfinishedBuild {
    let folder: URL
    let database: ChunkDatabase
    let vectors: VectorWriter
    /// Vectors that are on disk already.
    let embedded: Int

    /// Folder for unpacked archives; emptied here, because an attempt that was killed left its files.
    var scratch: URL { folder.appendingPathComponent("scratch", isDirectory: true) }

    /// Opens `directory`'s unfinished build if it has the same fingerprint, else starts a new one.
    static func open(_ directory: URL, fingerprint: String, dimension: Int) throws -> UnfinishedBuild {
        let folder = CollectionFolder.unfinished(directory)
        let file = folder.appendingPathComponent(CollectionFolder.chunks)
        let collection = directory.lastPathComponent
        if FileManager.default.fileExists(atPath: file.path) {
            // An unfinished build may be damaged in any way a crash can damage it; it is only a saving.
            do {
                let database = try ChunkDatabase.openForBuilding(file, collection: collection)
                if try database.get(.fingerprint) == fingerprint {
                    return try resume(folder, database: database, dimension: dimension)
                }
                try database.close()
            } catch let error as KnowledgeError {
                throw error
            } catch {}
        }
        if FileManager.default.fileExists(atPath: folder.path) { try FileManager.default.removeItem(at: folder) }
        try Durable.createPrivateFolder(folder)
        let database = try ChunkDatabase.openForBuilding(file, collection: collection)
        try database.set(.format, ChunkDatabase.formatVersion)
        try database.set(.fingerprint, fingerprint)
        return try resume(folder, database: database, dimension: dimension)
    }

    private static func resume(_ folder: URL, database: ChunkDatabase, dimension: Int) throws -> UnfinishedBuild {
        let known = Int(try database.get(.embedded) ?? "0") ?? 0
        let file = folder.appendingPathComponent(CollectionFolder.vectors)
        let (vectors, rows) = try VectorWriter.open(file, dimension: dimension, rows: known)
        let build = UnfinishedBuild(folder: folder, database: database, vectors: vectors, embedded: rows)
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
        try Durable.synchronise(directory.deletingLastPathComponent())
    }
}
