/// Response header fields; names are matched without regard to case, a repeated field keeps its
/// first value.
public struct HTTPFields: Sendable, Equatable {
    private var values: [String: String]

    public init(_ fields: some Sequence<(String, String)> = EmptyCollection<(String, String)>()) {
        values = Dictionary(fields.map { ($0.0.lowercased(), $0.1) }, uniquingKeysWith: { first, _ in first })
    }

    public subscript(name: String) -> String? { values[name.lowercased()] }

    /// The media type without parameters, in lower case.
    public var mediaType: String? {
        self["content-type"].map { String($0.prefix { $0 != ";" }).filter { !$0.isWhitespace }.lowercased() }
    }
}
