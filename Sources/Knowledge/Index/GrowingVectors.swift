import Foundation
import Synchronization

/// The vectors of a build that may be running: mapped again when there are more of them.
///
/// It holds the files, not their names: the build may finish and take its final name meanwhile.
final class GrowingVectors: Sendable {
    private let folder: Descriptor
    private let floats: Descriptor
    private let quantised: Descriptor
    private let dimension: Int
    private let mapped = Mutex<VectorFiles?>(nil)

    /// Nil while the build has not made its files yet.
    init?(_ folder: URL, dimension: Int) {
        guard let directory = Descriptor(folder), let floats = Descriptor(folder.appendingPathComponent(CollectionFolder.vectors)),
            let quantised = Descriptor(folder.appendingPathComponent(CollectionFolder.quantised))
        else { return nil }
        self.folder = directory
        self.floats = floats
        self.quantised = quantised
        self.dimension = dimension
    }

    /// At least the first `count` rows, as far as they are on disk.
    func rows(_ count: Int) throws -> VectorFiles {
        try mapped.withLock { current in
            if let current, current.count >= count { return current }
            let rows = min(count, floats.rows(.floats(dimension)), quantised.rows(.quantised(dimension)))
            let grown = VectorFiles(
                floats: try VectorFile(floats.value, layout: .floats(dimension), count: rows),
                quantised: try VectorFile(quantised.value, layout: .quantised(dimension), count: rows), sketches: try sketches(rows))
            current = grown
            return grown
        }
    }

    /// They may come later than the other files, so they are looked for each time.
    private func sketches(_ rows: Int) throws -> VectorSketches? {
        let layout = VectorLayout.sketches(dimension)
        guard let file = Descriptor(layout.file, in: folder) else { return nil }
        // Only if the folder still holds the floats that are open: a build that began anew has sketches of others.
        guard let others = Descriptor(CollectionFolder.vectors, in: folder), others.isSameFile(as: floats) else { return nil }
        let count = min(rows, file.rows(layout))
        return count > 0 ? VectorSketches(try VectorFile(file.value, layout: layout, count: count)) : nil
    }

    private final class Descriptor: Sendable {
        let value: CInt

        init?(_ url: URL) {
            value = open(url.path, O_RDONLY | O_CLOEXEC)
            if value < 0 { return nil }
        }

        init?(_ name: String, in folder: Descriptor) {
            value = openat(folder.value, name, O_RDONLY | O_CLOEXEC)
            if value < 0 { return nil }
        }

        deinit { close(value) }

        func isSameFile(as other: Descriptor) -> Bool {
            var mine = stat()
            var theirs = stat()
            return fstat(value, &mine) == 0 && fstat(other.value, &theirs) == 0 && mine.st_ino == theirs.st_ino && mine.st_dev == theirs.st_dev
        }

        /// Rows that are in the file: to touch a mapping beyond its end would kill the process.
        func rows(_ layout: VectorLayout) -> Int {
            layout.rows(inBytes: Int(lseek(value, 0, SEEK_END)))
        }
    }
}
