import Foundation

/// Takes adapters in and gives them out, with `engine/serving/adapters.py`.
public struct AdapterTool: Sendable {
    /// What an import found.
    public struct Imported: Sendable, Decodable, Equatable {
        public var rank: Int
        /// Of `adapter.gguf`.
        public var sha256: String
        public var bytes: Int
    }

    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// Largest file an adapter's worker may write.
    private static let fileBytes = 64 << 30

    /// Checks a zip of a PEFT folder or a GGUF adapter against the base and writes `folder/peft` and `folder/adapter.gguf`.
    /// - Throws: ``LocalModelError``, `adapter_invalid` with the reason.
    public func take(_ file: URL, base: BaseModel, into folder: URL) async throws -> Imported {
        if let missing = paths.missing() { throw missing }
        let training = try await BaseModels(paths: paths).folder(of: base.training)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let done = try await run(
            ["import", "--file", file.path, "--base", training.path, "--out", folder.path], "import", .adapterImportFailed,
            .worker(paths.sandbox, reads: [file, training], writes: [folder], fileBytes: Self.fileBytes))
        return try JSONDecoder().decode(Imported.self, from: done)
    }

    /// The PEFT folder as a zip.
    public func pack(_ adapter: URL, to file: URL) async throws {
        let peft = adapter.appending(path: "peft")
        try await WrittenFiles.making(file) { out, folder in
            _ = try await run(
                ["pack", "--peft", peft.path, "--out", out.path], "export", .adapterExportFailed,
                .worker(paths.sandbox, reads: [peft], writes: [folder], fileBytes: Self.fileBytes))
        }
    }

    /// The base with the adapter in its weights, as a zip of a Hugging Face folder, or as GGUF.
    public func merge(_ adapter: URL, base: BaseModel, gguf: Bool, to file: URL) async throws {
        if let missing = paths.missing() { throw missing }
        let (command, option, model, weights): (String, String, URL, URL)
        if gguf {
            guard let serving = base.serving else {
                throw LocalModelError(code: .baseModelUnservable, message: "there is no GGUF file of \(base.name)", hint: "merge as hf")
            }
            (command, option, model, weights) = ("merge-gguf", "--adapter", serving, adapter.appending(path: "adapter.gguf"))
        } else {
            (command, option, model, weights) = (
                "merge", "--peft", try await BaseModels(paths: paths).folder(of: base.training), adapter.appending(path: "peft")
            )
        }
        try await WrittenFiles.making(file) { out, folder in
            _ = try await run(
                [command, option, weights.path, "--base", model.path, "--out", out.path], "merge", .adapterMergeFailed,
                .tool(reads: [weights, model], writes: [folder]))
        }
    }

    private func run(_ arguments: [String], _ step: String, _ failed: LocalModelError.Code, _ confinement: Confinement) async throws -> Data {
        if let missing = paths.missing() { throw missing }
        return try await EngineScript(
            command: paths.command("serving/adapters.py", arguments, confinement, lowPriority: true),
            failure: (failed, "the \(step) of the adapter failed")
        ).run()
    }
}
