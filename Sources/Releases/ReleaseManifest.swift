import Domain
import Foundation
import Store

/// `manifest.json`, the first file of a release's archive: what is in it, with the hash of every file.
struct ReleaseManifest: Codable, Sendable {
    static let format = "atelier-release"
    static let name = "manifest.json"
    static let contentName = "content.json"

    struct File: Codable, Sendable {
        var path: String
        var bytes: Int
        var sha256: String
    }

    /// Facts of the rows that are made anew where it is imported.
    struct Parts: Codable, Sendable {
        var adapterBytes: Int?
        var collectionBytes: Int?

        enum CodingKeys: String, CodingKey {
            case adapterBytes = "adapter_bytes"
            case collectionBytes = "collection_bytes"
        }
    }

    /// 2: the collection is in its plain form. 1: it is the files of the exporting server.
    static let currentVersion = 2
    /// Bytes that are read, of `manifest.json` and of `content.json`.
    static let maxBytes = 4 << 20
    static let maxContentBytes = 1 << 20
    /// Rows of the evaluation, examples with every arm's answer, and notes.
    private static let maxRows = 10_000

    var format = Self.format
    var version: Int
    /// The release's address: the SHA-256 of `content.json`.
    var contentSHA256: String
    /// Its number where it was made.
    var number: Int
    var createdAt: Date
    var evaluation: ReleaseEvaluation
    var parts: Parts
    /// Every file but this one.
    var files: [File]

    enum CodingKeys: String, CodingKey {
        case format, version, number, evaluation, parts, files
        case contentSHA256 = "content_sha256"
        case createdAt = "created_at"
    }

    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return try encoder.encode(self)
    }

    static func read(_ data: Data) throws -> ReleaseManifest {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        let manifest = try decoder.decode(ReleaseManifest.self, from: data)
        let evaluation = manifest.evaluation
        guard max(evaluation.metrics.count, evaluation.examples.count, evaluation.notes.count) <= maxRows else {
            throw DecodingError.dataCorrupted(.init(codingPath: [CodingKeys.evaluation], debugDescription: "more than \(maxRows) rows"))
        }
        return manifest
    }
}

/// Why a release cannot be exported, or an archive not be imported.
public struct ReleaseArchiveError: Error, Sendable, CustomStringConvertible {
    public var code: String
    public var message: String
    public var hint: String
    /// Whether a release of this server is to blame, rather than the archive that was sent.
    public var isOurs: Bool

    init(_ code: String, _ message: String, hint: String, isOurs: Bool = false) {
        self.isOurs = isOurs
        self.code = code
        self.message = message
        self.hint = hint
    }

    public var description: String { "\(code): \(message) (\(hint))" }
}
