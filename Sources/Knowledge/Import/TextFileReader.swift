import Foundation

/// Reads one markdown or plain-text file.
struct TextFileReader {
    let limits: DocumentLimits

    func read(_ url: URL, name: String, format: DocumentFormat) -> DocumentReader.Event {
        do {
            let size = try FileManager.default.attributesOfItem(atPath: url.path)[.size] as? Int ?? 0
            guard size <= limits.maxDocumentBytes else {
                return .problem(.tooLarge(name, bytes: size, limit: limits.maxDocumentBytes))
            }
            return Self.decode([UInt8](try Data(contentsOf: url)), name: name, format: format)
        } catch {
            return .problem(.unreadable(name, error))
        }
    }

    /// A document, or why the bytes are not one.
    static func decode(_ bytes: [UInt8], name: String, format: DocumentFormat) -> DocumentReader.Event {
        // NUL occurs in no text but in nearly every binary file.
        guard !bytes.contains(0) else { return .problem(.binary(name)) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return .problem(.notUTF8(name, offset: firstInvalid(bytes)))
        }
        guard !isBlank(bytes) else { return .problem(.empty(name)) }
        return .document(Document(name: name, text: text, format: format))
    }

    static func isBlank(_ bytes: [UInt8]) -> Bool {
        let body = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        return body.allSatisfy { $0 <= 0x20 }
    }

    /// Byte offset of the first malformed sequence: decoding repairs it with U+FFFD, so it is where the
    /// repaired text first differs.
    private static func firstInvalid(_ bytes: [UInt8]) -> Int {
        var offset = 0
        for (old, new) in zip(bytes, String(decoding: bytes, as: UTF8.self).utf8) {
            if old != new { break }
            offset += 1
        }
        return offset
    }
}
