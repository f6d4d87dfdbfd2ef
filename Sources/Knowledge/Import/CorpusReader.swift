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
        var unread = UnreadFields()
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
            for event in events(line, name: "\(name):\(number)", isFirst: number == 1, &unread) { try await sink(event) }
        }
        if let problem = unread.problem(of: name) { try await sink(.problem(problem)) }
        if number == 0 { try await sink(.problem(.empty(name))) }
    }

    /// A document, with a problem before it where an optional field could not be used.
    private func events(_ line: LineReader.Line, name: String, isFirst: Bool, _ unread: inout UnreadFields) -> [DocumentReader.Event] {
        guard case .content(var bytes) = line else {
            return [.problem(.lineTooLong(name, limit: limits.maxDocumentBytes))]
        }
        if isFirst, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        guard !TextFileReader.isBlank(bytes) else { return [] }
        guard String(validating: bytes, as: UTF8.self) != nil else { return [.problem(.notUTF8(name, offset: nil))] }
        var entry: CorpusLine
        do {
            entry = try JSONDecoder().decode(CorpusLine.self, from: Data(bytes))
        } catch {
            return [.problem(.invalidJSON(name, bytes))]
        }
        guard let id = entry.id, !id.isEmpty else { return [.problem(.missingID(name))] }
        guard let text = entry.text else { return [.problem(.missingText(name, isChat: entry.looksLikeChat))] }
        guard !TextFileReader.isBlank(Array(text.utf8)) else { return [.problem(.empty(name))] }
        if !entry.pages.allSatisfy({ (0...text.utf8.count).contains($0) }) {
            entry.wrong = "\"pages\" points outside the text of \(text.utf8.count) bytes"
            entry.pages = []
        }
        unread.add(entry.unread)
        // Corpora carry plain text whatever the file is called, unless the line says otherwise.
        let document = Document(
            name: id, text: text, format: entry.format ?? .plain, title: entry.title ?? "", tags: entry.tags, date: entry.date,
            kind: entry.kind, pages: entry.pages)
        return (entry.wrong.map { [.problem(.invalidField(name, $0))] } ?? []) + [.document(document)]
    }
}

/// Fields of a corpus that are not read, told once for the whole file.
private struct UnreadFields {
    private static let mostNames = 10
    private var names: [String] = []
    private var lines = 0

    mutating func add(_ fields: [String]) {
        guard !fields.isEmpty else { return }
        lines += 1
        for field in fields.sorted() where names.count < Self.mostNames && !names.contains(field) { names.append(field) }
    }

    func problem(of name: String) -> DocumentProblem? {
        guard lines > 0 else { return nil }
        return DocumentProblem(
            name: name, code: "fields_left_out",
            message: "Fields of \(lines) lines were left out: \(names.map { String($0.prefix(50)) }.joined(separator: ", ")).",
            hint: "Put what should be found into \"text\", and what filters ask for into \"tags\", \"date\" and \"kind\".", isWarning: true)
    }
}
