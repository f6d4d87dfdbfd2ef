import Domain

/// A vector and what filters ask of it. Texts stay in the collection: a vector index holds none.
public struct VectorEntry: Sendable, Equatable {
    /// A chunk's id.
    public var id: String
    /// L2-normalised.
    public var vector: [Float]
    /// Name, tags, day and kind of the chunk's document.
    public var document: String
    public var tags: [String]
    public var date: CalendarDate?
    public var kind: String

    public init(id: String, vector: [Float], document: String, tags: [String] = [], date: CalendarDate? = nil, kind: String = "plain") {
        self.id = id
        self.vector = vector
        self.document = document
        self.tags = tags
        self.date = date
        self.kind = kind
    }
}
