import Foundation

/// A script of the engine that does one thing and ends, saying as its last line `{"event":"done",…}`, or
/// `{"event":"error","code","message","hint"}` with exit status 1.
struct EngineScript: Sendable {
    let command: ChildCommand
    /// Code and beginning of the message where the script ends without a word of its own.
    let failure: (code: LocalModelError.Code, message: String)

    /// Runs it to its end; cancelling the task ends it.
    /// - Parameter input: written to its standard input.
    /// - Returns: the `done` line.
    /// - Throws: ``LocalModelError`` with the script's own code, message and hint; `CancellationError`.
    @discardableResult
    func run(input: Data = Data()) async throws -> Data {
        struct Line: Decodable {
            var event: String
            var code: String?
            var message: String?
            var hint: String?
        }
        let child = Child(command)
        if !input.isEmpty { child.write(input) }
        let (done, error) = await withTaskCancellationHandler {
            var reader = ByteReader(child.output)
            var (done, error): (Data?, Line?)
            while let line = await reader.line() {
                // Of an archive there is a line for each entry.
                let start = String(decoding: line.prefix(64), as: UTF8.self)
                guard start.contains("done") || start.contains("error"), let said = try? JSONDecoder().decode(Line.self, from: line) else { continue }
                if said.event == "done" { done = line }
                if said.event == "error" { error = said }
            }
            return (done, error)
        } onCancel: {
            Task { await child.stop() }
        }
        let exit = await child.exit
        try Task.checkCancellation()
        if let done, exit.status == 0 {
            for folder in command.confinement.writes { try WrittenFiles.requirePlain(folder) }
            return done
        }
        let message = error?.message ?? "\(failure.message): \(exit.lastErrorLine)"
        guard let code = error?.code else { throw LocalModelError(code: failure.code, message: message, hint: error?.hint) }
        throw LocalModelError(said: code, message, hint: error?.hint)
    }
}

/// What a child has left in a folder it may write in.
enum WrittenFiles {
    /// Only files and folders are taken: a link would have the server read what the child could not.
    /// - Throws: ``LocalModelError`` `child_output_unsafe`.
    static func requirePlain(_ folder: URL) throws {
        let keys: [URLResourceKey] = [.isRegularFileKey, .isDirectoryKey, .isSymbolicLinkKey]
        guard let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: keys) else { return }
        for case let file as URL in files { try requirePlain(file: file) }
    }

    /// As above, of one file or folder.
    static func requirePlain(file: URL) throws {
        let values = try file.resourceValues(forKeys: [.isRegularFileKey, .isDirectoryKey, .isSymbolicLinkKey])
        if values.isSymbolicLink != true, values.isRegularFile == true || values.isDirectory == true { return }
        throw LocalModelError(
            code: .childOutputUnsafe, message: "a child left \(file.lastPathComponent), which is neither a file nor a folder",
            hint: "the file it read may be an attack; nothing of it was taken")
    }

    /// Has a child write one file in a folder of its own, and puts it in its place.
    /// - Parameter body: writes the file it is given.
    static func making<T>(_ target: URL, _ body: (_ file: URL, _ folder: URL) async throws -> T) async throws -> T {
        let folder = target.deletingLastPathComponent().appending(path: "\(target.lastPathComponent).making")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: target.lastPathComponent)
        let value = try await body(file, folder)
        try requirePlain(file: file)
        guard rename(file.path, target.path) == 0 else {
            throw LocalModelError(
                code: .ioError, message: "cannot move \(target.lastPathComponent) into place: \(String(cString: strerror(errno)))")
        }
        return value
    }
}
