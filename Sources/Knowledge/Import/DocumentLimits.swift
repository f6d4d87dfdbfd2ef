/// Bounds of what one source may cost (memory, disk). Beyond them a problem is reported.
public struct DocumentLimits: Sendable, Equatable {
    /// Largest single document in bytes: a document is held in memory while it is chunked.
    public var maxDocumentBytes: Int
    /// Largest file of another kind (PDF, DOCX, …) in bytes; it is never held in memory here.
    public var maxFileBytes: Int
    /// Most entries of one archive.
    public var maxArchiveEntries: Int
    /// Most bytes of one archive, unpacked.
    public var maxArchiveBytes: Int

    public init(
        maxDocumentBytes: Int = 64 << 20, maxFileBytes: Int = 512 << 20, maxArchiveEntries: Int = 50_000, maxArchiveBytes: Int = 4 << 30
    ) {
        self.maxDocumentBytes = maxDocumentBytes
        self.maxFileBytes = maxFileBytes
        self.maxArchiveEntries = maxArchiveEntries
        self.maxArchiveBytes = maxArchiveBytes
    }
}
