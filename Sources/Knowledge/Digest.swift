import Crypto
import Domain
import Foundation

/// SHA-256 as lower-case hex.
enum Digest {
    static func hex(_ text: String) -> String {
        var text = text
        return text.withUTF8 { SHA256.hash(data: UnsafeRawBufferPointer($0)).hex }
    }
}
