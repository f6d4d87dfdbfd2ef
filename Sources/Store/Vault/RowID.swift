import Domain
import Foundation
import Synchronization

/// Row ids: a prefix that says the kind, then milliseconds, 24 bits of a rising number and 56 random bits in hex, so that the
/// order of ids is the order of creation, within a millisecond that of one process, and none can be guessed.
public enum RowID {
    private static let last = Atomic<UInt32>(0)

    public static func make(_ prefix: String, at date: Date = Date()) -> String {
        let milliseconds = date.milliseconds
        let number = last.wrappingAdd(1, ordering: .relaxed).newValue
        let time = withUnsafeBytes(of: UInt64(milliseconds).bigEndian) { $0.dropFirst(2).hex }
        let order = withUnsafeBytes(of: number.bigEndian) { $0.dropFirst().hex }
        return "\(prefix)_\(time)\(order)\(Token.randomHex(bytes: 7))"
    }
}
