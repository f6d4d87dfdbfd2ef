import Synchronization

/// The series of one metric by their labels, made when first met and never more than a limit: a label
/// that a caller chooses must not fill the memory.
final class SeriesFamily<Labels: Hashable & Sendable, Series: Sendable>: Sendable {
    private let series = Mutex<[Labels: Series]>([:])
    private let quota: SeriesQuota
    private let overflow: Labels
    private let make: @Sendable () -> Series

    /// - Parameters:
    ///   - quota: how many there may be, families that share it taken together.
    ///   - overflow: the labels that stand for all that found no place.
    init(_ quota: SeriesQuota, overflow: Labels, _ make: @escaping @Sendable () -> Series) {
        self.quota = quota
        self.overflow = overflow
        self.make = make
    }

    /// - Parameter mayBeNew: false where only known labels are looked for.
    func series(_ labels: Labels, mayBeNew: Bool = true) -> Series {
        series.withLock { series in
            if let known = series[labels] { return known }
            let labels = mayBeNew && quota.take() ? labels : overflow
            if let known = series[labels] { return known }
            let new = make()
            series[labels] = new
            return new
        }
    }

    var all: [(labels: Labels, series: Series)] { series.withLock { $0.map { ($0.key, $0.value) } } }
}

/// How many series may still be made.
final class SeriesQuota: Sendable {
    private let left: Atomic<Int>

    init(_ count: Int) { left = Atomic(count) }

    /// False where none is left.
    func take() -> Bool {
        if left.load(ordering: .relaxed) <= 0 { return false }
        return left.wrappingSubtract(1, ordering: .relaxed).oldValue > 0
    }
}
