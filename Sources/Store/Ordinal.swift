import Foundation
import Synchronization

/// Numbers that rise within a process, and with the clock across processes: the order of things that happen
/// within one millisecond, as those of one transaction do.
enum Ordinal {
    private static let last = Mutex<Int64>(0)

    /// The next one: a thousand a millisecond, more where more are asked for.
    static func next(_ now: Date = Date()) -> SQLValue { .integer(number(now)) }

    static func number(_ now: Date = Date()) -> Int64 {
        last.withLock { last in
            last = max(last + 1, now.milliseconds * 1000)
            return last
        }
    }
}
