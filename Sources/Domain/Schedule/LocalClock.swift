import Foundation

/// What the clock on the wall shows, as seconds since 1970-01-01 00:00 there; instants are seconds since 1970 in UTC.
struct LocalClock: Sendable {
    private let zone: TimeZone

    init(_ zone: TimeZone) { self.zone = zone }

    /// Days since 1970-01-01 of such a time.
    static func day(_ local: Int) -> Int { Int((Double(local) / 86_400).rounded(.down)) }

    func local(_ instant: Int) -> Int { instant + offset(instant) }

    /// When the clock shows `local`: the first of two times, and the moment of the change for one that is skipped.
    func instant(_ local: Int) -> Int {
        // A day's distance is on either side of a change: clocks are not changed twice within two days.
        let before = offset(local - 86_400)
        let after = offset(local + 86_400)
        let candidates = [local - before, local - after].filter { self.local($0) == local }
        if let first = candidates.min() { return first }
        var low = local - 2 * 86_400
        var high = local + 2 * 86_400
        while high - low > 1 {
            let middle = (low + high) / 2
            if self.local(middle) < local { low = middle } else { high = middle }
        }
        return high
    }

    private func offset(_ instant: Int) -> Int { zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(instant))) }
}

/// A day of the Gregorian calendar.
struct CivilDate: Sendable, Equatable {
    var year: Int
    var month: Int
    var day: Int
    /// 0 is Sunday.
    var weekday: Int

    /// - Parameter days: since 1970-01-01, not before it. The algorithm is `civil_from_days` of
    ///   https://howardhinnant.github.io/date_algorithms.html.
    init(day days: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        // 1970-01-01 was a Thursday.
        weekday = (days + 4) % 7
    }
}
