import Foundation
import Synchronization

/// Row ids: a prefix that says the kind, then milliseconds, a number within the millisecond and 64 random bits in hex, so that
/// the order of ids is the order of creation, in one process also within a millisecond, and none can be guessed.
public enum RowID {
    private static let last = Mutex<(milliseconds: Int64, number: UInt16)>((0, 0))

    public static func make(_ prefix: String, at date: Date = Date()) -> String {
        let milliseconds = date.milliseconds
        let number = last.withLock { last in
            last = (milliseconds, milliseconds == last.milliseconds ? last.number &+ 1 : 0)
            return last.number
        }
        let time = withUnsafeBytes(of: UInt64(milliseconds).bigEndian) { Token.hex($0.dropFirst(2)) }
        let order = withUnsafeBytes(of: number.bigEndian) { Token.hex($0) }
        return "\(prefix)_\(time)\(order)\(Token.randomHex(bytes: 8))"
    }
}
