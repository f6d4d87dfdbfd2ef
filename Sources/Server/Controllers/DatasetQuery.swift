import Datasets
import Domain
import Foundation
import Hummingbird
import Knowledge
import Store
import Training

/// What the query of an upload says of the file, which is the request's body.
struct DatasetQuery {
    private let query: Parameters
    private var problems: [APIError.Detail] = []

    private init(_ request: Request) { query = request.uri.queryParameters }

    /// `?dataset_name=…&dataset_type=jsonl|rag|custom&file_name=…` and how chat examples are to be read.
    static func creation(_ request: Request) throws -> DatasetImporter.Description {
        var query = DatasetQuery(request)
        let fileName = query.fileName()
        let name = query.text("dataset_name") ?? fileName
        if let problem = DisplayName.problem(name, length: 1...200) {
            query.fail("dataset_name", problem, name.isEmpty ? "add ?dataset_name=…" : nil)
        }
        let kind = query.choice("dataset_type", Dataset.Kind.self, hint: "jsonl: chat examples for the voice; rag: documents for the knowledge")
        if query.text("dataset_type") == nil {
            query.fail("dataset_type", "must be one of jsonl, rag, custom", "jsonl: chat examples for the voice; rag: documents for the knowledge")
        }
        let reading = query.reading()
        let (tags, date) = (query.tags(), query.date())
        try query.finish()
        return .init(
            name: name, kind: kind ?? .custom, fileName: fileName.isEmpty ? name : fileName, text: query.text("description"), reading: reading,
            tags: tags, date: date)
    }

    /// `?mode=replace|append|merge&file_name=…`: new content for a dataset.
    static func change(_ request: Request, of dataset: Dataset) throws -> (DatasetImporter.Change, DatasetImporter.Description) {
        var query = DatasetQuery(request)
        let mode = query.choice("mode", DatasetImporter.Change.self) ?? .replace
        let fileName = query.fileName()
        let reading = query.reading()
        let (tags, date) = (query.tags(), query.date())
        try query.finish()
        return (
            mode,
            .init(
                name: dataset.datasetName, kind: dataset.datasetType, fileName: fileName.isEmpty ? dataset.fileName : fileName,
                text: dataset.metadata.description, reading: reading, tags: tags, date: date)
        )
    }

    /// `?format=…&encoding=…` of an export; the dataset's own format and JSON lines where nothing is said.
    static func export(_ request: Request, of dataset: Dataset) throws -> DatasetExport {
        var query = DatasetQuery(request)
        let format = query.choice("format", DatasetFormat.self) ?? dataset.format.flatMap(DatasetFormat.init) ?? .openAIChat
        let encoding = query.choice("encoding", DatasetEncoding.self) ?? .jsonl
        try query.finish()
        return DatasetExport(format: format, encoding: encoding)
    }

    private func text(_ name: Substring) -> String? { query[name].map { String($0).trimmingCharacters(in: .whitespaces) } }

    private mutating func fail(_ field: String, _ message: String, _ hint: String? = nil) {
        problems.append(.init(field: field, code: "invalid", message: message, hint: hint))
    }

    private mutating func fileName() -> String {
        let name = text("file_name") ?? ""
        if name.contains("/") {
            fail("file_name", "must be a plain file name of at most 200 characters")
        } else if let problem = DisplayName.problem(name, length: 0...200) {
            fail("file_name", problem)
        }
        return name
    }

    private mutating func choice<T: RawRepresentable & CaseIterable>(_ name: Substring, _ type: T.Type, hint: String? = nil) -> T?
    where T.RawValue == String {
        guard let text = text(name) else { return nil }
        guard let choice = T(rawValue: text) else {
            fail(String(name), "must be one of \(T.allCases.map(\.rawValue).joined(separator: ", "))", hint)
            return nil
        }
        return choice
    }

    private mutating func tags() -> [String] {
        let tags = (text("tags") ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        if tags.count > 20 { fail("tags", "must be at most 20 tags, with commas") }
        if let problem = tags.lazy.compactMap({ DisplayName.problem($0, length: 1...100) }).first { fail("tags", "each \(problem)") }
        return tags
    }

    private mutating func date() -> CalendarDate? {
        guard let text = text("date") else { return nil }
        let date = CalendarDate(text)
        if date == nil { fail("date", "must be a day like 2026-03-01") }
        return date
    }

    private mutating func reading() -> ChatReading {
        var reading = ChatReading(format: choice("format", DatasetFormat.self), encoding: choice("encoding", DatasetEncoding.self))
        for pair in (text("fields") ?? "").split(separator: ",") {
            let parts = pair.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty {
                reading.fields[parts[0]] = parts[1]
            } else {
                fail("fields", "must be pairs of a field and its name in the file", "write fields=question:Frage,answer:Antwort")
            }
        }
        for name in (text("redact") ?? "").split(separator: ",") {
            if let kind = SensitiveKind(rawValue: String(name)) {
                reading.redact.insert(kind)
            } else {
                fail("redact", "\"\(name)\" is not known", "known: \(SensitiveKind.allCases.map(\.rawValue).joined(separator: ", "))")
            }
        }
        return reading
    }

    private func finish() throws { if !problems.isEmpty { throw APIError.invalid(problems) } }
}
