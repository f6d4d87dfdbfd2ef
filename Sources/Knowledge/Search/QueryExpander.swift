/// Says a question in other words, so that passages with other words are found. Implemented outside this
/// module, by a local model.
public protocol QueryExpander: Sendable {
    /// Up to `limit` other forms of the query, the query itself not among them.
    func variants(of query: String, limit: Int) async throws -> [String]
}
