import Foundation

/// Lists the regular files of a folder in one fixed order, so that two builds of the same folder
/// number their chunks alike.
enum FileTree {
    static func isDirectory(_ url: URL) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    /// Of the files in `list(under:)`, those that are read.
    static func files(under folder: URL) throws -> [String] { try list(under: folder).files }

    /// Paths relative to `folder`, with `/`. Symbolic links and special files are left out, because an
    /// archive could point them at any file of this machine; so are hidden files and folders, which are not what a user
    /// means by a document. What a system leaves in every folder is not worth a word.
    static func list(under folder: URL) throws -> (files: [String], hidden: [String]) {
        var found: [String] = []
        var hidden: [String] = []
        var pending = [""]
        while let path = pending.popLast() {
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(path).path)
            for name in names where !isLitter(name) {
                let child = path.isEmpty ? name : path + "/" + name
                if name.hasPrefix(".") {
                    hidden.append(child)
                    continue
                }
                // attributesOfItem does not follow links.
                let attributes = try FileManager.default.attributesOfItem(
                    atPath: folder.appendingPathComponent(child).path)
                switch attributes[.type] as? FileAttributeType {
                case .typeDirectory?: pending.append(child)
                case .typeRegular?: found.append(child)
                default: break
                }
            }
        }
        // By bytes: the standard order of strings, but spelled out because row numbers depend on it.
        return (found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }, hidden.sorted())
    }

    /// Of macOS and Windows: resource forks, and how a folder is shown.
    private static func isLitter(_ name: String) -> Bool {
        name.hasPrefix("._") || ["__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"].contains(name)
    }
}
