import CVectorScan
import Foundation

/// Where rows are sketched: about a centre, since all vectors of one model point more or less one way, and
/// turned by a fixed random rotation, since only then does a sign tell as much in one dimension as in another.
struct SketchSpace: Sendable {
    /// Rows whose mean is the centre: the first so many. Any centre is right, a nearer one tells more. Fewer
    /// rows are not sketched, because reading all their bytes takes no longer than a search does otherwise.
    static let rows = 4096
    /// Dimensions below which chance is too coarse for a bound.
    static let leastDimension = 64

    let centre: [Float]
    private let signs: [Float]

    var dimension: Int { centre.count }

    /// Bytes of the centre in a file, up to the next cache line.
    static func bytes(_ dimension: Int) -> Int { (dimension * MemoryLayout<Float>.size + 63) / 64 * 64 }

    init(centre: [Float]) {
        self.centre = centre
        // Part of the file format: SplitMix64 from zero, a sign a bit, four rounds.
        var state: UInt64 = 0
        var bits: UInt64 = 0
        signs = (0..<centre.count * 4).map { index in
            if index % 64 == 0 {
                state &+= 0x9E37_79B9_7F4A_7C15
                bits = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
                bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
                bits ^= bits >> 31
            }
            return bits >> UInt64(index % 64) & 1 == 0 ? 1 : -1
        }
    }

    /// The space of a file's rows: about the mean of the first `rows` of them.
    init(firstRows values: UnsafeBufferPointer<Float>, dimension: Int) {
        let count = values.count / dimension
        var sums = [Float](repeating: 0, count: dimension)
        sums.withUnsafeMutableBufferPointer { sums in
            for row in 0..<count {
                let row = values.baseAddress! + row * dimension
                for index in 0..<dimension { sums[index] += row[index] }
            }
        }
        self.init(centre: sums.map { $0 / Float(max(1, count)) })
    }

    /// row − centre, turned.
    ///
    /// - Returns: ⟨row − centre, centre⟩, which sketches do not estimate.
    func turn(_ row: UnsafePointer<Float>, into turned: inout [Float], scratch: inout [Float]) -> Float {
        let offset = turned.withUnsafeMutableBufferPointer { turned in
            centre.withUnsafeBufferPointer { centre in
                for index in 0..<centre.count { turned[index] = row[index] - centre[index] }
                return vector_scan_dot(turned.baseAddress!, centre.baseAddress!, centre.count)
            }
        }
        vector_rotate(&turned, dimension, signs, &scratch)
        return offset
    }
}
