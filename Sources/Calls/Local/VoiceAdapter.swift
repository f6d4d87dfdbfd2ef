import Files
import Foundation
import Store

/// The voice an answer may have: an adapter and what lies beside it.
public struct VoiceAdapter: Sendable {
    public var id: String
    public var baseModel: String
    /// Holds `adapter.gguf`, and what the job left for answers: ``VoiceExamples``, ``RestyleProfile``.
    public var folder: URL

    public init(id: String, baseModel: String, folder: URL) {
        self.id = id
        self.baseModel = baseModel
        self.folder = folder
    }

    package init(_ adapter: Adapter, _ data: DataDirectory) {
        self.init(id: adapter.id, baseModel: adapter.baseModel, folder: data.url(adapter.path))
    }

    var file: URL { folder.appending(path: "adapter.gguf") }
}
