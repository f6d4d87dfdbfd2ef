import Foundation

/// Reads a chat dataset of any format as a stream, in memory that does not grow with the file.
///
/// Synchronous, and quick: run it where a thread may be held. A cancelled task ends it with `CancellationError`.
public struct DatasetReader: Sendable {
    public let url: URL
    public let format: DatasetFormat?
    public let encoding: DatasetEncoding?
    public let options: DatasetOptions

    /// - Parameters:
    ///   - format: nil to tell it from the content.
    ///   - encoding: nil to tell it from the content.
    public init(_ url: URL, format: DatasetFormat? = nil, encoding: DatasetEncoding? = nil, options: DatasetOptions = .init()) {
        self.url = url
        self.format = format
        self.encoding = encoding
        self.options = options
    }

    /// What the file is, from its beginning.
    /// - Throws: errors of the file system.
    public func layout() throws -> DatasetLayout {
        try LayoutDetection(url: url, options: options).detect(format: format, encoding: encoding).layout
    }

    /// Checks the whole file.
    /// - Throws: errors of the file system, `CancellationError`. What is wrong with the content is in the report.
    public func validate() throws -> DatasetReport { try DatasetPass(self).run(makesExamples: false) { _ in } }

    /// Checks the whole file and calls `body` with each valid example, in the order of the file, redacted where the options say so.
    /// - Throws: as ``validate()``, and what `body` throws.
    @discardableResult
    public func read(_ body: (ChatExample) throws -> Void) throws -> DatasetReport { try DatasetPass(self).run(makesExamples: true, body) }
}
