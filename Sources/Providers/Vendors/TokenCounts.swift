import Domain

extension JSONValue {
    /// A vendor's count of tokens; `nil` where it is absent or null.
    /// - Throws: ``ImpossibleCount`` for what no call can have used: a negative count, one beyond ``TokenUsage/limit``, half a
    ///   token, a text.
    func tokenCount(_ name: String) throws(ImpossibleCount) -> Int? {
        guard let value = self[name], !value.isNull else { return nil }
        guard let count = value.intValue, (0...TokenUsage.limit).contains(count) else { throw ImpossibleCount() }
        return count
    }
}

/// A vendor's count that cannot be true. It counts as not said.
struct ImpossibleCount: Error {}
