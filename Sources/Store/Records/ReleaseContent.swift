import Domain
import Foundation

/// Everything a release is: what it is made of and which models it needs. Written once; the SHA-256 of its
/// canonical text is the release's address, so equal releases have equal addresses wherever they are.
public struct ReleaseContent: Sendable, Codable, Equatable {
    /// A model and the very file that was used.
    public struct Model: Sendable, Codable, Equatable {
        public var name: String
        /// Of the file that is served.
        public var sha256: String
        public init(name: String, sha256: String) {
            self.name = name
            self.sha256 = sha256
        }
    }

    public struct AdapterPart: Sendable, Codable, Equatable {
        /// Of `adapter.gguf`.
        public var sha256: String
        public var rank: Int
        public var baseModel: String
        /// Over names and hashes of what lies beside it for answers: the user's own replies, how to restyle.
        public var companions: String?

        enum CodingKeys: String, CodingKey {
            case sha256, rank, companions
            case baseModel = "base_model"
        }

        public init(sha256: String, rank: Int, baseModel: String, companions: String? = nil) {
            self.sha256 = sha256
            self.rank = rank
            self.baseModel = baseModel
            self.companions = companions
        }

        public init(from decoder: any Decoder) throws {
            let fields = try BoundedFields(decoder, keyedBy: CodingKeys.self)
            sha256 = try fields.fields.decode(String.self, forKey: .sha256)
            rank = try fields.number(.rank, 1...65_536) ?? 1
            baseModel = try fields.fields.decode(String.self, forKey: .baseModel)
            companions = try fields.value(.companions)
        }
    }

    public struct CollectionPart: Sendable, Codable, Equatable {
        /// What ``sha256`` is over.
        public enum Form: String, Sendable, Codable {
            /// The collection's documents, chunks and vectors, whatever files they lie in.
            case plain
        }

        /// Over names and hashes of the files of its plain form; absent where they were not read.
        public var sha256: String?
        /// Absent in releases of earlier versions: there the hash is over the version's files as they lay on the disk.
        public var form: Form?
        public var embedder: String
        public var dimension: Int
        public var documents: Int
        public var chunks: Int

        public init(sha256: String? = nil, form: Form? = nil, embedder: String, dimension: Int, documents: Int, chunks: Int) {
            self.sha256 = sha256
            self.form = form
            self.embedder = embedder
            self.dimension = dimension
            self.documents = documents
            self.chunks = chunks
        }

        public init(from decoder: any Decoder) throws {
            let fields = try BoundedFields(decoder, keyedBy: CodingKeys.self)
            sha256 = try fields.value(.sha256)
            form = try fields.value(.form)
            embedder = try fields.fields.decode(String.self, forKey: .embedder)
            dimension = try fields.number(.dimension, 0...65_536) ?? 0
            documents = try fields.number(.documents, 0...1_000_000_000) ?? 0
            chunks = try fields.number(.chunks, 0...1_000_000_000) ?? 0
        }
    }

    /// The minion's settings when the release was made.
    public struct Settings: Sendable, Codable, Equatable {
        public var provider: String
        public var modelID: String
        public var systemPrompt: String
        public var sampling: Sampling
        public var pipeline: PipelineSettings

        enum CodingKeys: String, CodingKey {
            case provider, sampling, pipeline
            case modelID = "model_id"
            case systemPrompt = "system_prompt"
        }

        init(_ minion: Minion) {
            provider = minion.provider
            modelID = minion.modelID
            systemPrompt = minion.systemPrompt
            sampling = minion.sampling
            pipeline = minion.pipeline
        }

        public init(from decoder: any Decoder) throws {
            let fields = try BoundedFields(decoder, keyedBy: CodingKeys.self)
            func required(_ key: CodingKeys, atMost length: Int) throws -> String {
                try fields.text(key, atMost: length) ?? fields.fields.decode(String.self, forKey: key)
            }
            provider = try required(.provider, atMost: Minion.Bounds.provider)
            modelID = try required(.modelID, atMost: Minion.Bounds.modelID)
            systemPrompt = try required(.systemPrompt, atMost: Minion.Bounds.systemPrompt)
            sampling = try fields.fields.decode(Sampling.self, forKey: .sampling)
            pipeline = try fields.fields.decode(PipelineSettings.self, forKey: .pipeline)
        }
    }

    /// Of this layout.
    public var format = 1
    public var adapter: AdapterPart?
    public var collection: CollectionPart?
    public var settings: Settings
    /// What the adapter was trained on and is served with; absent without an adapter.
    public var base: Model?
    /// What made the collection's vectors; absent without a collection.
    public var embedder: Model?

    /// The text that is hashed: JSON with sorted keys.
    public func canonical() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// Reads a row's content.
    /// - Parameter text: canonical, as it was written, be it by another version.
    public static func read(_ text: String) throws -> ReleaseContent { try JSONDecoder().decode(ReleaseContent.self, from: Data(text.utf8)) }

    /// Reads a content that comes from outside: what a request may not set, it may not hold.
    /// - Throws: `DecodingError`, whose path and description say which setting is out of bounds.
    public static func readForeign(_ text: String) throws -> ReleaseContent {
        let decoder = JSONDecoder()
        decoder.userInfo[.refusesOutOfBounds] = true
        return try decoder.decode(ReleaseContent.self, from: Data(text.utf8))
    }

    /// The address of a canonical text.
    public static func address(of text: String) -> String { Token.hash(text) }
}
