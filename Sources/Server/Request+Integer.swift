import Hummingbird

extension Request {
    /// A whole number of the query, or `standard` where it is not there.
    /// - Throws: ``APIError`` of status 422 that names it and its range.
    func integer(_ name: String, _ range: ClosedRange<Int>, standard: Int) throws -> Int {
        guard let text = uri.queryParameters[name[...]] else { return standard }
        guard let number = Int(text), range.contains(number) else {
            throw APIError.invalid([
                .init(field: name, code: "invalid", message: "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            ])
        }
        return number
    }
}
