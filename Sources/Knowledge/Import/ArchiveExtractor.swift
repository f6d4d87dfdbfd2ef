import Foundation

/// Unpacks archives. Implemented outside this module, where a sandboxed tool is at hand.
public protocol ArchiveExtractor: Sendable {
    /// Unpacks `archive` (zip, tar, or gzip of a tar) into the existing, empty `directory`.
    ///
    /// The implementation refuses an archive with entries that leave `directory`, with more than `maxEntries` entries
    /// or more than `maxBytes` bytes unpacked. Links, devices and encrypted entries are left out.
    ///
    /// - Returns: what was left out or guessed.
    /// - Throws: ``DocumentParseFailure`` where the archive is at fault.
    func unpack(_ archive: URL, into directory: URL, maxEntries: Int, maxBytes: Int) async throws -> [ArchiveNote]
}

/// What became of an archive's entry other than a file, or of the names of all of them.
public struct ArchiveNote: Sendable, Equatable {
    /// The entry that was left out; nil where the note is about the archive.
    public var entry: String?
    public var code: String
    public var message: String
    public var hint: String

    public init(entry: String?, code: String, message: String, hint: String) {
        self.entry = entry
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// As one of the problems of the source that `archive` is the name of.
    func problem(of archive: String) -> DocumentProblem {
        DocumentProblem(name: entry ?? archive, code: code, message: message, hint: hint, isWarning: entry == nil)
    }
}
