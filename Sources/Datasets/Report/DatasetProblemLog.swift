/// Collects problems: the first of them in full, all of them by number.
struct DatasetProblemLog {
    let limit: Int
    private(set) var problems: [DatasetProblem] = []
    private(set) var counts: [DatasetCode: Int] = [:]
    private(set) var count = 0

    init(limit: Int) { self.limit = limit }

    /// The texts are made only where they are shown: a file may have a problem in each of a million lines.
    /// - Parameter times: how often it was found; it is shown once.
    mutating func add(
        _ code: DatasetCode, count times: Int = 1, line: Int?, field: @autoclosure () -> String? = nil, found: @autoclosure () -> String,
        expected: @autoclosure () -> String, hint: @autoclosure () -> String
    ) {
        count += times
        counts[code, default: 0] += times
        guard problems.count < limit else { return }
        problems.append(
            DatasetProblem(line: line, field: field(), code: code, found: found(), expected: expected(), hint: hint()))
    }

    /// In the order of the file: what is found out at its end has its line too.
    mutating func sort() {
        problems.sort { ($0.line ?? 0) < ($1.line ?? 0) }
    }

    var countsByName: [String: Int] {
        Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) })
    }
}
