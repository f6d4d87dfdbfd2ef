/// One field of a cron expression: which numbers it may hold, and what they are called.
struct CronField: Sendable {
    var name: String
    var range: ClosedRange<Int>
    /// In place of numbers, beginning with the lowest.
    var words: [String] = []

    static let all = [
        CronField(name: "minute", range: 0...59), CronField(name: "hour", range: 0...23), CronField(name: "day of month", range: 1...31),
        CronField(name: "month", range: 1...12, words: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
        CronField(name: "day of week", range: 0...7, words: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
    ]

    /// - Throws: ``CronExpression/Problem``.
    func parse(_ text: Substring) throws -> Set<Int> {
        var numbers: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "/", omittingEmptySubsequences: false)
            guard pieces.count <= 2 else { throw problem(part) }
            var step = 1
            if pieces.count == 2 {
                guard let given = Int(pieces[1]), given > 0 else { throw problem(part) }
                step = given
            }
            let bounds: ClosedRange<Int>
            if pieces[0] == "*" {
                bounds = range
            } else {
                let ends = try pieces[0].split(separator: "-", omittingEmptySubsequences: false).map { try number($0, part) }
                switch ends.count {
                // `5/15` is read as `5-59/15`, as Vixie's cron does.
                case 1: bounds = pieces.count == 2 ? ends[0]...range.upperBound : ends[0]...ends[0]
                case 2 where ends[0] <= ends[1]: bounds = ends[0]...ends[1]
                default: throw problem(part)
                }
            }
            numbers.formUnion(stride(from: bounds.lowerBound, through: bounds.upperBound, by: step))
        }
        return numbers
    }

    private func number(_ text: Substring, _ part: Substring) throws -> Int {
        if let index = words.firstIndex(of: text.lowercased()) { return range.lowerBound + index }
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = Int(text),
            range.contains(number)
        else { throw problem(part) }
        return number
    }

    private func problem(_ part: Substring) -> CronExpression.Problem {
        .init(
            message: "\"\(part)\" is no \(name): numbers are \(range.lowerBound) to \(range.upperBound), with *, lists 1,2, ranges 1-5 and steps */5")
    }
}
