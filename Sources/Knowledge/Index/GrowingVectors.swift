import Foundation
import Synchronization

/// The vectors of a build that may be running: mapped again when there are more of them.
///
/// It holds the files, not their names: the build may finish and take its final name meanwhile.
final class GrowingVectors: Sendable {
    private let floats: Descriptor
    private let quantised: Descriptor
    private let dimension: Int
    private let mapped = Mutex<VectorPair?>(nil)

    /// Nil while the build has not made its files yet.
    init?(_ folder: URL, dimension: Int) {
        guard let floats = Descriptor(folder.appendingPathComponent(CollectionFolder.vectors)),
            let quantised = Descriptor(folder.appendingPathComponent(CollectionFolder.quantised))
        else { return nil }
        self.floats = floats
        self.quantised = quantised
        self.dimension = dimension
    }

    /// At least the first `count` rows, as far as they are on disk.
    func rows(_ count: Int) throws -> VectorPair {
        try mapped.withLock { current in
            if let current, current.count >= count { return current }
            let rows = min(count, floats.rows(.floats(dimension)), quantised.rows(.quantised(dimension)))
            let grown = VectorPair(
                floats: try VectorFile(floats.value, layout: .floats(dimension), count: rows),
                quantised: try VectorFile(quantised.value, layout: .quantised(dimension), count: rows))
            current = grown
            return grown
        }
    }

    private final class Descriptor: Sendable {
        let value: CInt

        init?(_ url: URL) {
            value = open(url.path, O_RDONLY | O_CLOEXEC)
            if value < 0 { return nil }
        }

        deinit { close(value) }

        /// Rows that are in the file: to touch a mapping beyond its end would kill the process.
        func rows(_ layout: VectorLayout) -> Int {
            max(0, Int(lseek(value, 0, SEEK_END)) - VectorHeader.bytes) / layout.stride
        }
    }
}
