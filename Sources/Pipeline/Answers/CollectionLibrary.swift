import Foundation
import Knowledge

/// Open collections, the least recently used closed first.
public actor CollectionLibrary {
    private let capacity: Int
    private var open: [String: CollectionIndex] = [:]
    /// Most recently used last.
    private var order: [String] = []

    public init(capacity: Int = 64) { self.capacity = capacity }

    public func index(at directory: URL) throws -> CollectionIndex {
        let path = directory.path
        order.removeAll { $0 == path }
        if let index = open[path] {
            order.append(path)
            return index
        }
        let index = try CollectionIndex.open(directory)
        open[path] = index
        order.append(path)
        if order.count > capacity { open[order.removeFirst()] = nil }
        return index
    }

    /// Closes what lies below a folder that is about to be deleted.
    public func close(under directory: URL) {
        for path in open.keys where path.hasPrefix(directory.path) {
            open[path] = nil
            order.removeAll { $0 == path }
        }
    }
}
