/// Reads query and passage together and judges how well the one answers the other: slower than comparing
/// vectors and better at it. Implemented outside this module.
public protocol Reranker: Sendable {
    /// One score per text, in order: the model's logit, where the logistic function gives the probability
    /// that the text answers the query.
    func scores(_ query: String, _ texts: [String]) async throws -> [Float]
}
