import Foundation

/// Tells which of a file's own fields may be the format's, where none has a name that is known: for the remedy, never for reading.
enum ColumnGuess {
    private static let asks = ["question", "prompt", "instruction", "query", "input", "user", "human", "ask", "request", "problem", "title", "text"]
    private static let replies = ["answer", "reply", "response", "output", "completion", "assistant", "bot", "gpt", "solution", "target", "summary"]

    /// What to do about it, with the names that would do.
    /// - Parameters:
    ///   - rows: the first of them, with a text for each name.
    ///   - format: nil where the caller did not say one.
    static func hint(_ names: [String], rows: [[String]], format: DatasetFormat?) -> String {
        let format = format ?? .questionAnswer
        let rows = rows.filter { $0.count == names.count }
        if let list = format.fields.first(where: { $0.role == .list }) {
            let column = names.indices.first { column in !rows.isEmpty && rows.allSatisfy { $0[column].hasPrefix("[") } }
            return remedy(column.map { [(list.name, names[$0])] } ?? [], else: "rename the column that holds the list to \(list.name)")
        }
        let ask = format.fields.first { $0.role == .ask }!.name
        let reply = format.fields.first { $0.role == .reply }!.name
        guard names.count > 1 else { return "a table of chat examples has two columns at least: add one, and call them \(ask) and \(reply)" }
        let lengths = names.indices.map { column in
            rows.reduce(0) { $0 + (Double($1[column]) == nil ? $1[column].utf8.count : 0) }
        }
        func named(_ words: [String], but taken: Int?) -> Int? {
            words.lazy.compactMap { word in names.indices.first { $0 != taken && names[$0].lowercased().contains(word) } }.first
        }
        func longest(but taken: Int?) -> Int? {
            names.indices.filter { $0 != taken && lengths[$0] > 0 }.max { (lengths[$0], $1) < (lengths[$1], $0) }
        }
        let knownReply = named(replies, but: nil)
        var (asked, replied) = (named(asks, but: knownReply), knownReply)
        if asked == nil, replied == nil {
            // The two that say most, in the order of the file.
            asked = longest(but: nil)
            replied = longest(but: asked)
            if let first = asked, let second = replied, second < first { (asked, replied) = (second, first) }
        }
        asked = asked ?? longest(but: replied)
        replied = replied ?? longest(but: asked)
        guard let asked, let replied else { return remedy([], else: "rename the columns to \(ask) and \(reply)") }
        return remedy([(ask, names[asked]), (reply, names[replied])], else: "")
    }

    /// A name with a comma cannot be said in a query.
    private static func remedy(_ pairs: [(field: String, name: String)], else unknown: String) -> String {
        let short = pairs.allSatisfy { $0.name.utf8.count <= 100 && !$0.name.isEmpty }
        guard !pairs.isEmpty, short else { return unknown.isEmpty ? "rename the columns" : unknown }
        let renames = pairs.map { "\"\($0.name)\" to \($0.field)" }.joined(separator: " and ")
        guard !pairs.contains(where: { $0.name.contains(",") }) else { return "rename \(renames), if that is what they are" }
        return "rename \(renames), if that is what they are, or say so: fields=\(pairs.map { "\($0.field):\($0.name)" }.joined(separator: ","))"
    }
}

extension ExampleReader {
    /// Which of the record's texts may be a question and its reply.
    func namesThatWouldDo() -> String? {
        var names: [String] = []
        var texts: [String] = []
        var at = 1
        while at < Int(tape[0].next), names.count < Self.keysCompared {
            if tape[at + 1].kind == .string {
                names.append(text(at).text)
                texts.append(Bytes(rebasing: text(at + 1).prefix(1000)).text)
            }
            at = Int(tape[at + 1].next)
        }
        return names.count < 2 ? nil : ColumnGuess.hint(names, rows: [texts], format: nil)
    }
}
