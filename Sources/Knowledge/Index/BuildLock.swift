import Foundation

/// One builder a collection, whatever the process: a lock the system releases when its holder dies.
///
/// `@unchecked Sendable`: the descriptor is closed once, in deinit.
final class BuildLock: @unchecked Sendable {
    private let descriptor: CInt
    private let url: URL

    /// - Throws: `KnowledgeError.buildBusy` while another builder holds it.
    init(_ folder: URL, collection: String) throws {
        url = folder.appendingPathComponent(CollectionFolder.lock)
        descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Durable.posixError() }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw KnowledgeError.buildBusy(collection: collection)
        }
    }

    deinit { close(descriptor) }
}
