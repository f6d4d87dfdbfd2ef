import Foundation

/// Takes adapters in and gives them out, with `engine/adapters.py`.
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

    /// Checks a zip of a PEFT folder or a GGUF adapter against the base and writes `folder/peft` and `folder/adapter.gguf`.
    /// - Throws: ``LocalModelError``, `adapter_invalid` with the reason.
    public func take(_ file: URL, base: BaseModel, into folder: URL) async throws -> Imported {
        let done = try await run(["import", "--file", file.path, "--base", base.training.path, "--out", folder.path], "import")
        return try JSONDecoder().decode(Imported.self, from: done)
    }

    /// The PEFT folder as a zip.
    public func pack(_ adapter: URL, to file: URL) async throws {
        _ = try await run(["pack", "--peft", adapter.appending(path: "peft").path, "--out", file.path], "export")
    }

    /// The base with the adapter in its weights, as a zip of a Hugging Face folder, or as GGUF.
    public func merge(_ adapter: URL, base: BaseModel, gguf: Bool, to file: URL) async throws {
        guard gguf else {
            _ = try await run(["merge", "--peft", adapter.appending(path: "peft").path, "--base", base.training.path, "--out", file.path], "merge")
            return
        }
        guard let serving = base.serving else {
            throw LocalModelError(code: "base_model_unservable", message: "there is no GGUF file of \(base.name)", hint: "merge as hf")
        }
        _ = try await run(
            ["merge-gguf", "--adapter", adapter.appending(path: "adapter.gguf").path, "--base", serving.path, "--out", file.path], "merge")
    }

    private func run(_ arguments: [String], _ step: String) async throws -> Data {
        if let missing = paths.missing() { throw missing }
        return try await EngineScript(
            command: paths.command("adapters.py", arguments, lowPriority: true),
            failure: ("adapter_\(step)_failed", "the \(step) of the adapter failed")
        ).run()
    }
}
