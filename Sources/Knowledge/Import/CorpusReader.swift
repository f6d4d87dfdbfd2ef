import Foundation

/// Reads a BEIR-like corpus: one JSON object a line, each a document.
struct CorpusReader {
    let limits: DocumentLimits

    func read(_ url: URL, name: String, _ sink: DocumentReader.Sink) async throws {
        var lines: LineReader
        do {
            lines = try LineReader(url: url, maxLineBytes: limits.maxDocumentBytes)
        } catch {
            try await sink(.problem(.unreadable(name, error)))
            return
        }
        var number = 0
        while true {
            let line: LineReader.Line?
            do {
                line = try lines.next()
            } catch {
                try await sink(.problem(.unreadable(name, error)))
                return
            }
            guard let line else { break }
            number += 1
            // Unpacking a million lines must stop when its job does.
            if number.isMultiple(of: 256) { try Task.checkCancellation() }
            if let event = event(line, name: "\(name):\(number)", isFirst: number == 1) { try await sink(event) }
        }
        if number == 0 { try await sink(.problem(.empty(name))) }
    }

    private func event(_ line: LineReader.Line, name: String, isFirst: Bool) -> DocumentReader.Event? {
        guard case .content(var bytes) = line else {
            return .problem(.lineTooLong(name, limit: limits.maxDocumentBytes))
        }
        if isFirst, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        guard !TextFileReader.isBlank(bytes) else { return nil }
        guard String(validating: bytes, as: UTF8.self) != nil else { return .problem(.notUTF8(name, offset: nil)) }
        let entry: CorpusLine
        do {
            entry = try JSONDecoder().decode(CorpusLine.self, from: Data(bytes))
        } catch {
            return .problem(.invalidJSON(name, bytes))
        }
        guard let id = entry.id, !id.isEmpty else { return .problem(.missingID(name)) }
        guard let text = entry.text else { return .problem(.missingText(name, isChat: entry.looksLikeChat)) }
        guard !TextFileReader.isBlank(Array(text.utf8)) else { return .problem(.empty(name)) }
        // Corpora carry plain text whatever the file is called.
        return .document(Document(name: id, text: text, format: .plain, title: entry.title ?? ""))
    }
}
