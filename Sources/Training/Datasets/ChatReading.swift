import Datasets
import Foundation
import Store

/// How the examples of one upload are read: what the content tells, but for what its user said.
public struct ChatReading: Sendable, Equatable {
    public var format: DatasetFormat?
    public var encoding: DatasetEncoding?
    /// Names of the format's fields in the file.
    public var fields: [String: String]
    /// What is overwritten in every example that is handed out.
    public var redact: Set<SensitiveKind>

    public init(
        format: DatasetFormat? = nil, encoding: DatasetEncoding? = nil, fields: [String: String] = [:], redact: Set<SensitiveKind> = []
    ) {
        self.format = format
        self.encoding = encoding
        self.fields = fields
        self.redact = redact
    }

    /// As it was said when the dataset came.
    init(_ metadata: DatasetMetadata) {
        self.init(
            format: metadata.readAs?.format.flatMap(DatasetFormat.init), encoding: metadata.readAs?.encoding.flatMap(DatasetEncoding.init),
            fields: metadata.readAs?.fields ?? [:], redact: Set((metadata.redact ?? []).compactMap(SensitiveKind.init)))
    }

    /// Nil where all is told from the content.
    var readAs: DatasetMetadata.ReadAs? {
        guard format != nil || encoding != nil || !fields.isEmpty else { return nil }
        return .init(format: format?.rawValue, encoding: encoding?.rawValue, fields: fields.isEmpty ? nil : fields)
    }

    func reader(_ file: URL) -> DatasetReader {
        var options = DatasetOptions()
        options.fields = fields
        options.redact = redact
        options.scratch = file.deletingLastPathComponent()
        return DatasetReader(file, format: format, encoding: encoding, options: options)
    }
}
