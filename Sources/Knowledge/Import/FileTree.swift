import Foundation

/// Lists the regular files of a folder in one fixed order, so that two builds of the same folder
/// number their chunks alike.
enum FileTree {
    static func isDirectory(_ url: URL) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    /// Paths relative to `folder`, with `/`. Symbolic links and special files are left out, because an
    /// archive could point them at any file of this machine; so are hidden files and macOS resource
    /// forks, which are not what a user means by a document.
    static func files(under folder: URL) throws -> [String] {
        var found: [String] = []
        var pending = [""]
        while let path = pending.popLast() {
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(path).path)
            for name in names where !name.hasPrefix(".") && name != "__MACOSX" {
                let child = path.isEmpty ? name : path + "/" + name
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
        return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
