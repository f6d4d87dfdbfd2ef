import Domain
import Foundation

/// How a new version of a collection comes from an earlier one. The earlier one is only read: it goes on
/// answering until its owner switches to the new folder.
public struct CollectionUpdate: Sendable, Equatable {
    public enum Strategy: Sendable, Hashable, Codable {
        /// Nothing of the earlier version stays but vectors of chunks that come again.
        case replaceAll
        /// Everything stays. A new document with a name that is taken gets another one; one that is there
        /// already, name and content, is left out.
        case append
        /// By content: what is there under any name is left as it is, a document whose name is there with
        /// other content takes its place, others are added.
        case merge
        /// What the filter matches goes; the sources are added as in `append`. Without sources it deletes.
        case replace(matching: DocumentFilter)
    }

    /// The earlier version's folder.
    public var previous: URL
    public var strategy: Strategy

    public init(previous: URL, strategy: Strategy) {
        self.previous = previous
        self.strategy = strategy
    }
}
