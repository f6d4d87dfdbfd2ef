import Foundation

/// A causal language model that lies in `models/`, by its name there.
public struct BaseModel: Sendable, Encodable, Equatable {
    public var name: String
    /// As the model's own files call it, e.g. `llama`; nil where they cannot be read.
    public var architecture: String?
    /// Of its weights on disk.
    public var bytes: Int
    public var isDefault: Bool
    /// Whether answers can use adapters of it.
    public var servable: Bool
    /// Why not.
    public var reason: String?
    /// What the trainer loads: a Hugging Face folder, or a GGUF file that it converts once.
    var training: URL
    /// What the local server loads.
    var serving: URL?

    public var trainingPath: String { training.path }

    enum CodingKeys: String, CodingKey {
        case name, architecture, bytes, servable, reason
        case isDefault = "default"
    }
}

/// The base models of this machine: `NAME/` with `config.json` or `hf/config.json`, or with one `.gguf` file,
/// or `NAME.gguf`.
public struct BaseModels: Sendable {
    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// Architectures whose adapters `engine/serving/export_gguf.py` can write for llama.cpp. It has the list; a test compares.
    public static let servable = ["llama", "mistral", "qwen2", "qwen3"]

    public func all() -> [BaseModel] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: paths.models.path)) ?? []
        return names.filter { !$0.hasPrefix(".") }.sorted().compactMap(read)
    }

    /// - Parameter name: nil is the default model. Anything that is not a name in `models/` is unknown, paths included.
    /// - Throws: ``LocalModelError`` with the codes `base_model_missing` and `base_model_unservable`.
    public func find(_ name: String?) throws -> BaseModel {
        guard let model = all().first(where: { $0.name == name ?? EnginePaths.baseModelName }) else {
            throw LocalModelError(
                code: .baseModelMissing, message: "the base model \(name ?? EnginePaths.baseModelName) is not installed",
                hint: name == nil ? "run: make setup" : "put it into the models folder of the data directory, or choose one of GET /api/models")
        }
        guard model.servable else {
            throw LocalModelError(
                code: .baseModelUnservable, message: "adapters of \(model.name) cannot be served: \(model.reason ?? "")",
                hint: "choose a servable one of GET /api/models")
        }
        return model
    }

    /// The Hugging Face folder that training reads: `training` itself, or that of a GGUF file, written once beside it
    /// (half a minute) and kept.
    /// - Throws: ``LocalModelError``.
    func folder(of training: URL) async throws -> URL {
        var isFolder: ObjCBool = false
        if !FileManager.default.fileExists(atPath: training.path, isDirectory: &isFolder) || isFolder.boolValue { return training }
        let name = training.lastPathComponent == "model.gguf" ? "hf" : "\(training.deletingPathExtension().lastPathComponent).hf"
        let beside = training.deletingLastPathComponent().appending(path: name)
        if FileManager.default.fileExists(atPath: beside.appending(path: "config.json").path) { return beside }
        try? FileManager.default.removeItem(at: beside)
        try await WrittenFiles.making(beside) { out, folder in
            _ = try await EngineScript(
                command: paths.command(
                    "training/base_model.py", ["--model", training.path, "--out", out.path], .tool(reads: [training], writes: [folder]),
                    lowPriority: true),
                failure: (.baseModelUnsupported, "the base model cannot be read for training")
            ).run()
        }
        return beside
    }

    private func read(_ entry: String) -> BaseModel? {
        let url = paths.models.appending(path: entry)
        if url.pathExtension == "gguf" {
            return model(String(entry.dropLast(5)), folder: nil, gguf: url)
        }
        let folder = [url.appending(path: "hf"), url].first { FileManager.default.fileExists(atPath: $0.appending(path: "config.json").path) }
        let files = (try? FileManager.default.contentsOfDirectory(at: url.resolvingSymlinksInPath(), includingPropertiesForKeys: nil)) ?? []
        return model(entry, folder: folder, gguf: files.filter { $0.pathExtension == "gguf" }.sorted { $0.path < $1.path }.first)
    }

    private func model(_ name: String, folder: URL?, gguf: URL?) -> BaseModel? {
        struct Config: Decodable {
            var architectures: [String]?
            var model_type: String?
        }
        var architecture: String?
        if let folder {
            guard let data = try? Data(contentsOf: folder.appending(path: "config.json")),
                let config = try? JSONDecoder().decode(Config.self, from: data),
                config.architectures?.contains(where: { $0.hasSuffix("ForCausalLM") }) == true
            else { return nil }  // an embedder, a reranker, or half a copy
            architecture = config.model_type
        } else if let gguf {
            architecture = GGUFHeader.architecture(gguf)
        } else {
            return nil
        }
        var reason: String?
        if gguf == nil { reason = "there is no .gguf file of it beside its Hugging Face folder" }
        if !Self.servable.contains(architecture ?? "") {
            reason = "its architecture is \(architecture ?? "unknown"); known: \(Self.servable.joined(separator: ", "))"
        }
        return BaseModel(
            name: name, architecture: architecture, bytes: Self.bytes(gguf ?? folder!), isDefault: name == EnginePaths.baseModelName,
            servable: reason == nil, reason: reason, training: folder ?? gguf!, serving: gguf)
    }

    private static func bytes(_ url: URL) -> Int {
        let size = { (file: URL) in (try? file.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0 }
        guard url.hasDirectoryPath || (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory == true else { return size(url) }
        let files = (try? FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: [.fileSizeKey])) ?? []
        return files.filter { ["safetensors", "bin"].contains($0.pathExtension) }.map(size).reduce(0, +)
    }
}

/// The beginning of a GGUF file (ggml-org/ggml, docs/gguf.md).
enum GGUFHeader {
    /// The value of `general.architecture`, which writers put first; nil where the file is none.
    static func architecture(_ file: URL) -> String? {
        guard let handle = try? FileHandle(forReadingFrom: file), let data = try? handle.read(upToCount: 4096), data.starts(with: Data("GGUF".utf8))
        else { return nil }
        let key = Data("general.architecture".utf8)
        guard let found = data.range(of: key), found.upperBound + 12 <= data.count else { return nil }
        // After the key: the type (uint32, 8 is text), the length (uint64), the text.
        let type = data[found.upperBound], length = Int(data[found.upperBound + 4]), start = found.upperBound + 12
        guard type == 8, start + length <= data.count else { return nil }
        return String(decoding: data[start..<start + length], as: UTF8.self)
    }
}
