/// What a part of a job comes to at a vendor, as estimated.
public struct JobCost: Sendable, Encodable, Equatable {
    public enum Purpose: String, Sendable, Encodable { case paraphrase, embedding, evaluation, judge }

    public var purpose: Purpose
    /// `provider/model`.
    public var model: String
    public var calls: Int
    /// US dollars; nil where the price is unknown.
    public var cost: Double?

    enum CodingKeys: String, CodingKey {
        case purpose, model, calls
        case cost = "estimated_cost_usd"
    }
}
