import Foundation

/// The sketches of the first rows of a collection, and the space they are in.
struct VectorSketches: Sendable {
    let file: VectorFile
    let space: SketchSpace

    var count: Int { file.count }

    init(_ file: VectorFile) {
        self.file = file
        space = SketchSpace(
            centre: file.withPreamble { Array($0.bindMemory(to: Float.self).prefix(file.layout.dimension)) })
    }
}
