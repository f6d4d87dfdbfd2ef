import Files
import Foundation
import Releases
import Store

/// Where one attempt at a job trains, and nobody else: `adapter.{attempt}` in the job's folder. A worker that was frozen may
/// lose its job without knowing, and its trainer may live on: whatever that writes, it writes into a folder of its own, or
/// into none.
struct AttemptFolder: Sendable {
    private static let name = "adapter"
    let context: JobContext

    private var data: DataDirectory { context.data }
    private var own: String { "\(Self.name).\(context.job.attempt)" }

    /// This attempt's folder. A new one begins with what the last attempt finished (checkpoints, an adapter, its record), as
    /// links to files that are never changed in place; the folders of all earlier attempts are gone then.
    func open() throws -> URL {
        let path = "\(context.folder)/\(own)"
        if !FileManager.default.fileExists(atPath: data.url(path).path) {
            let unfinished = "\(path).tmp"
            try data.remove(unfinished)
            let folder = try data.folder(unfinished)
            if let last = try earlier().last { try link(data.url("\(context.folder)/\(last)"), into: folder) }
            try FileManager.default.moveItem(at: folder, to: data.url(path))
        }
        for name in try earlier() { try retire("\(context.folder)/\(name)") }
        return data.url(path)
    }

    /// The same files under a name of their own, without their bytes: what is published is moved, and until the
    /// release stands the job keeps what it has.
    func finished(_ folder: URL) throws -> URL {
        let path = "\(context.folder)/\(own).finished"
        try data.remove(path)
        let copy = try data.folder(path)
        _ = try data.folder("\(path)/peft")
        for file in ["adapter.gguf", "exit.json", "job.json", "peft/adapter_config.json", "peft/adapter_model.safetensors"] {
            try Self.link(folder.appending(path: file), copy.appending(path: file))
        }
        // For the evaluation; there is none where nothing was held out.
        try Self.linkIfThere(folder.appending(path: HeldOutLosses.fileName), copy.appending(path: HeldOutLosses.fileName))
        return copy
    }

    /// Folders of attempts before this one, oldest first. One from before folders had numbers is the oldest.
    private func earlier() throws -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: data.url(context.folder).path)) ?? []
        let numbered = names.compactMap { name -> (Int, String)? in
            if name == Self.name { return (0, name) }
            guard name.hasPrefix("\(Self.name)."), let number = Int(name.dropFirst(Self.name.count + 1)) else { return nil }
            return number < context.job.attempt ? (number, name) : nil
        }
        return numbered.sorted { $0.0 < $1.0 }.map(\.1)
    }

    private func link(_ earlier: URL, into folder: URL) throws {
        for part in ["", "checkpoint", "peft"] {
            let source = earlier.appending(path: part)
            let files = (try? FileManager.default.contentsOfDirectory(at: source, includingPropertiesForKeys: [.isRegularFileKey])) ?? []
            let target = folder.appending(path: part)
            for file in files where try file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true {
                let name = file.lastPathComponent
                // Settings are written anew, in place; what has a temporary name is somebody's still.
                if name == "job.json" || name.hasSuffix(".tmp") { continue }
                try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                try Self.linkIfThere(file, target.appending(path: name))
            }
        }
    }

    /// Under another name first: a trainer that still works there finds no folder to write into.
    private func retire(_ path: String) throws {
        let retired = "\(path).retired"
        try data.remove(retired)
        try FileManager.default.moveItem(at: data.url(path), to: data.url(retired))
        try data.remove(retired)
    }

    /// A trainer that still works in the other folder may remove its own files at any moment.
    private static func linkIfThere(_ source: URL, _ target: URL) throws {
        do { try link(source, target) } catch  where !FileManager.default.fileExists(atPath: source.path) {}
    }

    /// Not every file system has links; shared ones often have none.
    private static func link(_ source: URL, _ target: URL) throws {
        do { try FileManager.default.linkItem(at: source, to: target) } catch { try FileManager.default.copyItem(at: source, to: target) }
    }
}
