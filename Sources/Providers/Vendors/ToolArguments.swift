import Domain

/// Tool arguments travel as JSON text with OpenAI, as an object with Anthropic and Ollama.
enum ToolArguments {
    /// The object that `text` holds; text that holds none (a model's slip) is kept under `arguments`
    /// instead of being lost.
    static func object(_ text: String) -> [String: JSONValue] {
        if text.allSatisfy(\.isWhitespace) { return [:] }
        return (try? JSONValue(parsing: text))?.objectValue ?? ["arguments": .string(text)]
    }
}
