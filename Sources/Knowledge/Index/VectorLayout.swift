import Foundation

#if _endian(big)
#error("vector files are little-endian and read in place")
#endif

/// The two files of vectors: exact floats, and the same rounded to bytes for a first look.
struct VectorLayout: Equatable, Sendable {
    var file: String
    var magic: String
    /// Bytes of a row.
    var stride: Int
    var dimension: Int

    static func floats(_ dimension: Int) -> VectorLayout {
        VectorLayout(file: CollectionFolder.vectors, magic: "ATLVECT1", stride: dimension * MemoryLayout<Float>.size, dimension: dimension)
    }

    static func quantised(_ dimension: Int) -> VectorLayout {
        VectorLayout(file: CollectionFolder.quantised, magic: "ATLQNT81", stride: QuantisedRow.stride(dimension), dimension: dimension)
    }
}
