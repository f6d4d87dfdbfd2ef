/// Files that are no text at all, or no text of data, by their first bytes.
enum FileKind {
    private static let unpack = "unpack it and send what is inside"
    private static let compressed: [(name: String, magic: [UInt8], hint: String)] = [
        ("a gzip file", [0x1F, 0x8B], unpack),
        ("a zip archive (or a spreadsheet)", [0x50, 0x4B, 0x03, 0x04], "save a spreadsheet as CSV; unpack an archive and send what is inside"),
        ("a zstd file", [0x28, 0xB5, 0x2F, 0xFD], unpack), ("an xz file", [0xFD, 0x37, 0x7A, 0x58, 0x5A], unpack),
        ("a bzip2 file", Array("BZh".utf8), unpack), ("a 7z archive", [0x37, 0x7A, 0xBC, 0xAF], unpack),
    ]
    private static let binary: [(name: String, magic: [UInt8], hint: String)] = [
        ("a Parquet file", Array("PAR1".utf8), "convert it to JSONL first, or upload it: a server reads it"),
        ("an Arrow file", Array("ARROW1".utf8), "write it as JSONL"), ("a PDF", Array("%PDF".utf8), "a PDF is a document: upload it as rag"),
        ("a document of old Office programs", [0xD0, 0xCF, 0x11, 0xE0], "save a spreadsheet as CSV"),
        ("an SQLite database", Array("SQLite format 3".utf8), "export the table as CSV or JSONL"),
    ]

    /// - Parameters:
    ///   - head: behind a byte-order mark of UTF-8.
    ///   - raw: the file's very first bytes.
    static func problem(_ head: Bytes, raw: [UInt8]) -> DatasetProblem? {
        if let kind = compressed.first(where: { raw.starts(with: $0.magic) }) {
            return DatasetProblem(line: nil, code: .compressedFile, found: kind.name, expected: "text", hint: kind.hint)
        }
        if let kind = binary.first(where: { raw.starts(with: $0.magic) }) {
            return DatasetProblem(line: nil, code: .binaryFile, found: kind.name, expected: "text", hint: kind.hint)
        }
        if let encoding = foreignEncoding(raw) {
            return DatasetProblem(
                line: 1, code: .invalidUTF8, found: "\(encoding) text", expected: "UTF-8 or UTF-16",
                hint: "save the file as UTF-8")
        }
        let text = head.prefix(200).text.trimmed.lowercased()
        if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") || text.hasPrefix("<?xml") {
            return DatasetProblem(
                line: 1, code: .htmlPage, found: "a web page", expected: "a dataset",
                hint: "the download gave a page instead of the file, often for want of a login: open the link and look")
        }
        return nil
    }

    /// A byte-order mark of UTF-32, or, without one, ASCII with three zeros behind or before each character.
    private static func foreignEncoding(_ raw: [UInt8]) -> String? {
        if raw.starts(with: [0xFF, 0xFE, 0, 0]) || raw.starts(with: [0, 0, 0xFE, 0xFF]) { return "UTF-32" }
        guard raw.count >= 8 else { return nil }
        let zeros = (0..<8).map { raw[$0] == 0 }
        return [[false, true, true, true], [true, true, true, false]].contains { zeros == $0 + $0 } ? "UTF-32" : nil
    }
}

extension Slice<UnsafeBufferPointer<UInt8>> {
    var text: String { String(decoding: self, as: UTF8.self) }
}
