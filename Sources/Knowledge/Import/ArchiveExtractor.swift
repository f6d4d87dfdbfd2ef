import Foundation

/// Unpacks archives. Implemented outside this module, where a sandboxed tool is at hand.
public protocol ArchiveExtractor: Sendable {
    /// Unpacks `archive` (zip, tar, or gzip of either) into the existing, empty `directory`.
    ///
    /// The implementation refuses entries that leave `directory`, and throws when the archive holds
    /// more than `maxEntries` entries or more than `maxBytes` bytes unpacked.
    func extract(_ archive: URL, into directory: URL, maxEntries: Int, maxBytes: Int) async throws
}
