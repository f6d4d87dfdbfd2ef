import Foundation

/// Where the Python engine and the default models are.
public struct EnginePaths: Sendable {
    public var python: URL
    /// The engine: what its scripts share, and `documents/`, `embedding/`, `serving/`, `training/` with the scripts.
    public var scripts: URL
    public var models: URL
    /// What the engine's processes run in.
    public var sandbox: Sandbox

    public init(python: URL, scripts: URL, models: URL, sandbox: Sandbox = .withoutNamespaces) {
        self.python = python
        self.scripts = scripts
        self.models = models
        self.sandbox = sandbox
    }

    /// Name of the default base model, as adapters and answers record it.
    public static let baseModelName = "smollm2-135m-instruct"
    public var baseModelGGUF: URL { models.appending(path: "\(Self.baseModelName)/model.gguf") }
    /// The same weights as a Hugging Face folder, converted once at set-up.
    public var baseModelFolder: URL { models.appending(path: "\(Self.baseModelName)/hf") }
    public var embedder: URL { models.appending(path: "bge-small-en-v1.5") }
    public var reranker: URL { models.appending(path: "ms-marco-minilm") }

    /// What no child can be started without; nil where both are there.
    public func missingProgram() -> (isPython: Bool, error: LocalModelError)? {
        if !FileManager.default.isExecutableFile(atPath: python.path) {
            return (
                true,
                LocalModelError(code: .engineMissing, message: "the engine's Python (ATELIER_PYTHON) is not installed", hint: "run: make setup")
            )
        }
        if ["training/train.py", "confine.py"].contains(where: { !FileManager.default.fileExists(atPath: scripts.appending(path: $0).path) }) {
            return (
                false,
                LocalModelError(
                    code: .engineMissing, message: "the engine's scripts (ATELIER_ENGINE_DIR) are not in their folder",
                    hint: "set ATELIER_ENGINE_DIR to the engine folder")
            )
        }
        return nil
    }

    /// The first thing that is missing, in words.
    public func missing() -> LocalModelError? {
        let files = FileManager.default
        if let missing = missingProgram() { return missing.error }
        if !sandbox.isPrepared {
            return LocalModelError(
                code: .engineMissing, message: "the engine was set up after the server had started", hint: "start the server again")
        }
        if !files.fileExists(atPath: baseModelGGUF.path) {
            return LocalModelError(
                code: .baseModelMissing, message: "the base model \(Self.baseModelName) is not installed", hint: "run: make setup")
        }
        if !files.fileExists(atPath: embedder.path) {
            return LocalModelError(
                code: .embedderMissing, message: "the embedding model \(embedder.lastPathComponent) is not installed", hint: "run: make setup")
        }
        return nil
    }

    /// A script of the engine as a command. How its threads wait and that it stays off the network, `engine/child.py` sets for
    /// every way a script is started.
    /// - Parameter script: its path in the engine's folder.
    /// - Parameter confinement: the files it may read, the folders it may write in, and its limits. It sees no other
    ///   file of the data directory, those among its arguments included.
    func command(_ script: String, _ arguments: [String], _ confinement: Confinement, lowPriority: Bool = false) -> ChildCommand {
        ChildCommand(
            executable: python.path, arguments: [scripts.appending(path: script).path] + arguments,
            environment: ["PYTHONUNBUFFERED": "1"].merging(confinement.limits.memory == nil ? [:] : Self.smallMemory) { $1 },
            lowPriority: lowPriority, confinement: confinement, sandbox: sandbox)
    }
}

extension EnginePaths {
    /// Threads and pools reserve address space that they hardly use.
    private static let smallMemory = [
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system",
    ]
}
