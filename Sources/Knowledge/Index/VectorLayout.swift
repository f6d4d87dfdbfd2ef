import Foundation

#if _endian(big)
#error("vector files are little-endian and read in place")
#endif

/// The three files of vectors: exact floats, the same rounded to bytes, and sketches of them for a first look.
struct VectorLayout: Equatable, Sendable {
    var file: String
    var magic: String
    /// Bytes of a row.
    var stride: Int
    var dimension: Int
    /// Bytes between the header and the first row.
    var preamble = 0

    static func floats(_ dimension: Int) -> VectorLayout {
        VectorLayout(file: CollectionFolder.vectors, magic: "ATLVECT1", stride: dimension * MemoryLayout<Float>.size, dimension: dimension)
    }

    static func quantised(_ dimension: Int) -> VectorLayout {
        VectorLayout(file: CollectionFolder.quantised, magic: "ATLQNT81", stride: QuantisedRow.stride(dimension), dimension: dimension)
    }

    static func sketches(_ dimension: Int) -> VectorLayout {
        VectorLayout(
            file: CollectionFolder.sketches, magic: "ATLSKT11", stride: SketchRow.stride(dimension), dimension: dimension,
            preamble: SketchSpace.bytes(dimension))
    }

    /// Values a row may have; whatever says something else is damaged.
    static let dimensions = 1...65_536

    /// Where a row begins in the file.
    func offset(_ row: Int) -> Int { VectorHeader.bytes + preamble + row * stride }

    /// Rows in a file of so many bytes.
    func rows(inBytes bytes: Int) -> Int { max(0, bytes - offset(0)) / stride }

    /// Size of a whole file; nil on overflow, which only a damaged header causes.
    func fileBytes(rows: Int) -> Int? {
        let (bytes, first) = stride.multipliedReportingOverflow(by: rows)
        let (total, second) = bytes.addingReportingOverflow(offset(0))
        return first || second ? nil : total
    }
}
