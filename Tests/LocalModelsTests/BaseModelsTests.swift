import Foundation
import LocalModels
import Testing

@Suite struct BaseModelsTests {
    /// A folder as a user may have filled it.
    private func withModels(_ body: (BaseModels) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-models-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        func write(_ path: String, _ content: Data) throws {
            let file = folder.appending(path: path)
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try content.write(to: file)
        }
        func config(_ type: String, _ architecture: String) -> Data {
            Data(#"{"model_type":"\#(type)","architectures":["\#(architecture)"]}"#.utf8)
        }
        func gguf(_ architecture: String) -> Data {
            func number<N: FixedWidthInteger>(_ value: N) -> Data { withUnsafeBytes(of: value.littleEndian) { Data($0) } }
            func text(_ value: String) -> Data { number(UInt64(value.utf8.count)) + Data(value.utf8) }
            return Data("GGUF".utf8) + number(UInt32(3)) + number(UInt64(0)) + number(UInt64(1)) + text("general.architecture") + number(UInt32(8))
                + text(architecture)
        }
        let standard = EnginePaths.baseModelName
        try write("\(standard)/model.gguf", gguf("llama"))
        try write("\(standard)/hf/config.json", config("llama", "LlamaForCausalLM"))
        try write("\(standard)/hf/model.safetensors", Data(count: 100))
        try write("both/config.json", config("qwen2", "Qwen2ForCausalLM"))
        try write("both/weights.gguf", gguf("qwen2"))
        try write("folder-only/config.json", config("llama", "LlamaForCausalLM"))
        try write("strange/config.json", config("mamba", "MambaForCausalLM"))
        try write("strange/strange.gguf", gguf("mamba"))
        try write("single.gguf", gguf("llama"))
        try write("embedder/config.json", config("bert", "BertModel"))
        try write("embedder/model.onnx", Data(count: 9))
        try write("ready.json", Data("{}".utf8))
        try write("broken.gguf", Data("GGUF and no more".utf8))
        try body(BaseModels(paths: EnginePaths(python: folder, scripts: folder, models: folder)))
    }

    @Test func whatCanBeServedIsTold() throws {
        try withModels { models in
            let found = Dictionary(uniqueKeysWithValues: models.all().map { ($0.name, $0) })
            #expect(found.keys.sorted() == ["both", "broken", "folder-only", "single", EnginePaths.baseModelName, "strange"].sorted())
            #expect(found.filter(\.value.servable).keys.sorted() == ["both", "single", EnginePaths.baseModelName].sorted())
            #expect(found[EnginePaths.baseModelName]?.isDefault == true && found["both"]?.isDefault == false)
            #expect(found["both"]?.architecture == "qwen2" && found["single"]?.architecture == "llama" && found["broken"]?.architecture == nil)
            #expect(found["folder-only"]?.reason?.contains(".gguf") == true && found["strange"]?.reason?.contains("mamba") == true)
        }
    }

    @Test(
        arguments: [
            ("nowhere", .baseModelMissing), ("../models", .baseModelMissing), ("single.gguf", .baseModelMissing), ("/", .baseModelMissing),
            ("both/weights", .baseModelMissing), ("embedder", .baseModelMissing), ("folder-only", .baseModelUnservable),
            ("strange", .baseModelUnservable),
        ] as [(String, LocalModelError.Code)])
    func aModelIsANameAndNothingElse(name: String, code: LocalModelError.Code) throws {
        try withModels { models in
            #expect { _ = try models.find(name) } throws: { ($0 as? LocalModelError)?.code == code }
        }
    }

    @Test func theDefaultIsFoundWithoutAName() throws {
        try withModels { models in
            let found = [try models.find(nil), try models.find("both"), try models.find("single")]
            #expect(found[0].name == EnginePaths.baseModelName)
            #expect(found[1].trainingPath.hasSuffix("/both") && found[2].trainingPath.hasSuffix("/single.gguf"))
        }
    }

    /// The engine has the list of what is trained and served: this one would otherwise offer what fails at the end of a job.
    @Test func theArchitecturesAreThoseOfTheEngine() throws {
        let script = try String(contentsOf: Engine.paths.scripts.appending(path: "serving/export_gguf.py"), encoding: .utf8)
        let table = try #require(script.firstMatch(of: /\nARCHITECTURES = \{\n(?<rows>[^}]*)\}/))
        #expect(table.output.rows.matches(of: /"([^"]+)":/).map { String($0.output.1) } == BaseModels.servable)
    }
}
