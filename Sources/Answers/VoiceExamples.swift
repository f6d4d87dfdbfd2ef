import Files
import Foundation

/// A reply of the user's own, of the training split.
public struct VoiceExample: Sendable, Codable, Equatable {
    /// What was replied to.
    public var message: String
    public var reply: String
    /// Cosine of the message and the question; absent where it was not measured.
    public var similarity: Double?

    public init(message: String, reply: String, similarity: Double? = nil) {
        self.message = message
        self.reply = reply
        self.similarity = similarity
    }
}

/// The user's training replies as they lie beside the adapter: `voice.jsonl`, one an example, the most
/// typical first; `voice.f32`, the unit vectors of their messages, row-major little-endian float32;
/// `voice.json`, the embedder's name and the vectors' dimension.
///
/// They are written from the training split alone, so no held-out reply can reach a prompt.
package struct VoiceExamples: Sendable {
    /// More than these are not kept.
    package static let capacity = 2000
    /// Characters of a message or a reply in a prompt; longer ones are cut at a word.
    package static let longest = 800

    /// Of `voice.jsonl`; a message or a reply may be long before it is cut.
    static let maxTextBytes = 128 << 20
    static let maxDimension = 1 << 16

    struct Header: Codable {
        var embedder: String
        var dimension: Int
    }

    package var items: [VoiceExample]
    /// `items.count` × `dimension`.
    package var vectors: [Float]
    package var dimension: Int
    package var embedder: String

    package init(items: [VoiceExample], vectors: [Float], dimension: Int, embedder: String) {
        self.items = items
        self.vectors = vectors
        self.dimension = dimension
        self.embedder = embedder
    }

    /// - Parameter vector: of unit length.
    package func closest(to vector: [Float], count: Int) -> [VoiceExample] {
        guard vector.count == dimension, !items.isEmpty else { return Array(items.prefix(count)) }
        let scores = items.indices.map { row in (0..<dimension).reduce(Float(0)) { $0 + vector[$1] * vectors[row * dimension + $1] } }
        return scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }.prefix(count).map { index in
            var item = items[index]
            item.similarity = (Double(scores[index]) * 10_000).rounded() / 10_000
            return item
        }
    }

    /// The items and vectors with the most typical first: the closest to the mean of all.
    package func byTypicality() -> VoiceExamples {
        guard dimension > 0, items.count > 1 else { return self }
        var mean = [Float](repeating: 0, count: dimension)
        for (index, value) in vectors.enumerated() { mean[index % dimension] += value }
        let scores = items.indices.map { row in (0..<dimension).reduce(Float(0)) { $0 + mean[$1] * vectors[row * dimension + $1] } }
        let order = scores.indices.sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
        return VoiceExamples(
            items: order.map { items[$0] }, vectors: order.flatMap { vectors[$0 * dimension..<($0 + 1) * dimension] }, dimension: dimension,
            embedder: embedder)
    }

    /// - Throws: ``LocatedError`` where there are none, or not whole.
    package static func read(_ folder: URL) throws -> VoiceExamples {
        let head = folder.appending(path: "voice.json")
        guard FileManager.default.fileExists(atPath: head.path) else {
            throw LocatedError("the adapter has no replies beside it: train the minion again")
        }
        let header = try JSONDecoder().decode(Header.self, from: BoundedFile.read(head, maxBytes: 1 << 16))
        let lines = try BoundedFile.read(folder.appending(path: "voice.jsonl"), maxBytes: maxTextBytes).split(separator: 0x0A)
        guard lines.count <= capacity, (0...maxDimension).contains(header.dimension) else {
            throw LocatedError("there are \(lines.count) replies of dimension \(header.dimension) beside the adapter: train the minion again")
        }
        let items = try lines.map { try JSONDecoder().decode(VoiceExample.self, from: $0) }
        let raw = try BoundedFile.read(folder.appending(path: "voice.f32"), maxBytes: items.count * header.dimension * 4)
        guard raw.count == items.count * header.dimension * 4 else {
            throw LocatedError("voice.f32 does not fit voice.jsonl: train the minion again")
        }
        let vectors = raw.withUnsafeBytes { bytes in
            (0..<raw.count / 4).map { Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))) }
        }
        guard vectors.allSatisfy({ abs($0) <= 2 }) else { throw LocatedError("voice.f32 holds values of no unit vector: train the minion again") }
        return VoiceExamples(items: items, vectors: vectors, dimension: header.dimension, embedder: header.embedder)
    }

    package func write(to folder: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try Data(items.map { try encoder.encode($0) }.joined(separator: [0x0A])).write(to: folder.appending(path: "voice.jsonl"))
        var raw = Data(capacity: vectors.count * 4)
        for value in vectors { withUnsafeBytes(of: value.bitPattern.littleEndian) { raw.append(contentsOf: $0) } }
        try raw.write(to: folder.appending(path: "voice.f32"))
        // Last: with it the others are whole.
        try encoder.encode(Header(embedder: embedder, dimension: dimension)).write(to: folder.appending(path: "voice.json"))
    }
}

/// Examples that were read, the least recently used let go of first.
actor VoiceLibrary {
    private let capacity: Int
    private var read: [String: VoiceExamples] = [:]
    private var order: [String] = []

    init(capacity: Int = 16) { self.capacity = capacity }

    func examples(in folder: URL) throws -> VoiceExamples {
        // The folder of a job that is not published yet may be written again.
        let written = try? FileManager.default.attributesOfItem(atPath: folder.appending(path: "voice.json").path)[.modificationDate] as? Date
        let path = "\(folder.path) \(written?.timeIntervalSince1970 ?? 0)"
        order.removeAll { $0 == path }
        let examples = try read[path] ?? VoiceExamples.read(folder)
        read[path] = examples
        order.append(path)
        if order.count > capacity { read[order.removeFirst()] = nil }
        return examples
    }
}
