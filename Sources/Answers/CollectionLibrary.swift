import Files
import Foundation
import Knowledge
import Store

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

    /// A collection as it is now: the version asked for, or where none is finished yet the one that is being built.
    /// - Returns: nil where nothing of it can be searched yet.
    public func current(_ collection: Collection, version: Int? = nil, data: DataDirectory, user: String) throws -> CollectionIndex? {
        let version = version ?? collection.version
        if version > 0 { return try index(at: data.url(DataPaths.collection(collection.id, version: version, user: user))) }
        return try building(collection, data: data, user: user)
    }

    /// The version under construction; opened for each search, since it changes under the reader.
    public nonisolated func building(_ collection: Collection, data: DataDirectory, user: String) throws -> CollectionIndex? {
        guard let version = collection.buildingVersion else { return nil }
        return try CollectionIndex.openUnfinished(data.url(DataPaths.collection(collection.id, version: version, user: user)))
    }

    /// Closes what lies below a folder that is about to be deleted.
    public func close(under directory: URL) {
        for path in open.keys where path.hasPrefix(directory.path) {
            open[path] = nil
            order.removeAll { $0 == path }
        }
    }
}
