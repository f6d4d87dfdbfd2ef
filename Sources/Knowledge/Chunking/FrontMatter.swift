/// YAML between `---` lines at the top of a markdown file, as static-site generators write it.
struct FrontMatter {
    /// Value of `title:`, unquoted.
    let title: String?
    /// Index of the line after it.
    let end: Int

    /// Nil when the document does not start with one. Longer than 200 lines is not front matter but a
    /// document that starts with a rule.
    init?(lines: [SourceLine]) {
        func text(_ line: SourceLine) -> String { String(decoding: line.body, as: UTF8.self) }
        guard let first = lines.first, first.indent == 0, text(first) == "---" else { return nil }
        guard let close = lines.prefix(200).dropFirst().firstIndex(where: { $0.indent == 0 && ["---", "..."].contains(text($0)) })
        else { return nil }
        // `---`, a blank line, prose and another `---` is two rules, not YAML.
        guard close > 1, lines[1..<close].contains(where: { text($0).contains(":") }), !lines[1].isBlank else { return nil }
        end = close + 1
        title = lines[1..<close].lazy.filter { $0.indent == 0 }.map(text).first { $0.hasPrefix("title:") }
            .map { line in
                let value = line.dropFirst("title:".count).drop { $0 == " " }
                guard value.count >= 2, let quote = value.first, quote == "\"" || quote == "'", value.last == quote else { return String(value) }
                return String(value.dropFirst().dropLast())
            }
            .flatMap { $0.isEmpty ? nil : $0 }
    }
}
