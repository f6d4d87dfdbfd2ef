import Foundation
import Store

/// The one folder everything lives in. Paths in rows are relative to it, so it can be moved.
public struct DataDirectory: Sendable {
    public let root: URL

    /// Makes the folder (0700) where it is not there.
    public init(_ root: URL) throws {
        self.root = root.standardizedFileURL
        try Self.makePrivate(self.root)
        // Set-up may have made it, for the models, with the usual permissions.
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: self.root.path)
    }

    public var database: URL { root.appending(path: "atelier.sqlite") }
    public var encryptionKey: URL { root.appending(path: "encryption.key") }
    public var models: URL { root.appending(path: "models") }

    /// Names the installation whose rows belong to this folder.
    private var installationID: URL { root.appending(path: "installation.id") }

    /// What the folder says of the installation it belongs to.
    public func installation() throws -> InstallationFolder {
        let id = FileManager.default.fileExists(atPath: installationID.path) ? try String(contentsOf: installationID, encoding: .utf8) : ""
        let users = (try? FileManager.default.contentsOfDirectory(atPath: url("users").path)) ?? []
        let name = id.trimmingCharacters(in: .whitespacesAndNewlines)
        return InstallationFolder(path: root.path, id: name.isEmpty ? nil : name, users: users.filter { !$0.hasPrefix(".") })
    }

    public func write(installation id: String) throws {
        try Data("\(id)\n".utf8).write(to: installationID, options: .atomic)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: installationID.path)
    }

    public func url(_ relative: String) -> URL { root.appending(path: relative) }

    /// A folder (0700) below the root, made where it is not there.
    public func folder(_ relative: String) throws -> URL {
        let url = url(relative)
        try Self.makePrivate(url)
        return url
    }

    public func remove(_ relative: String) throws {
        let url = url(relative)
        if FileManager.default.fileExists(atPath: url.path) { try FileManager.default.removeItem(at: url) }
    }

    /// Puts a finished file or folder in its place: everything in it is on the disk before its final
    /// name appears, so a name that exists is whole.
    public func publish(_ finished: URL, as relative: String) throws {
        let target = url(relative)
        try Self.makePrivate(target.deletingLastPathComponent())
        try Self.synchronize(finished)
        if rename(finished.path, target.path) != 0 {
            throw LocatedError("cannot move \(finished.lastPathComponent) into place", errno)
        }
        try Self.synchronize(target.deletingLastPathComponent(), deep: false)
    }

    private static func makePrivate(_ url: URL) throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// fsync of a file, or of a folder and all in it.
    private static func synchronize(_ url: URL, deep: Bool = true) throws {
        if deep, (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory == true {
            for child in try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil) { try synchronize(child) }
        }
        let descriptor = open(url.path, O_RDONLY)
        guard descriptor >= 0 else { throw LocatedError("cannot open \(url.lastPathComponent)", errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw LocatedError("cannot write \(url.lastPathComponent) to the disk", errno)
        }
    }
}

/// A failure of the file system, in words.
public struct LocatedError: Error, Sendable, CustomStringConvertible {
    public var description: String
    /// The system's, where it said one.
    public var code: Int32?

    public init(_ description: String) { self.description = description }

    /// - Parameter code: of the system, which is put into words.
    public init(_ what: String, _ code: Int32) {
        description = "\(what): \(String(cString: strerror(code)))"
        self.code = code
    }
}
