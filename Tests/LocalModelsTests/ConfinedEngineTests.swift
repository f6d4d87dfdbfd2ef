import AsyncHTTPClient
import Foundation
import LocalModels
import NIOCore
import TestSupport
import Testing

/// The real scripts do their work in the sandbox, with models that are links as they are in many installations.
@Suite(.serialized, .enabled(if: Engine.isThere, "the engine is not set up: run make setup"))
struct ConfinedEngineTests {
    private static let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(timeout: .init(connect: .seconds(30))))

    /// A folder of its own, and the engine confined to what it is given of it.
    private func withEngine(memory: Int = 2 << 30, _ body: (EnginePaths, URL) async throws -> Void) async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "atelier-confined-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        let models = root.appending(path: "models")
        try FileManager.default.createDirectory(at: models, withIntermediateDirectories: true)
        // A folder that is a link, and a folder of links, as Hugging Face's cache has them.
        let source = Engine.models.resolvingSymlinksInPath()
        for name in ["bge-small-en-v1.5", "ms-marco-minilm"] {
            try FileManager.default.createSymbolicLink(at: models.appending(path: name), withDestinationURL: source.appending(path: name))
        }
        let base = source.appending(path: EnginePaths.baseModelName), linked = models.appending(path: EnginePaths.baseModelName)
        for folder in ["", "hf"] {
            try FileManager.default.createDirectory(at: linked.appending(path: folder), withIntermediateDirectories: true)
            for name in try FileManager.default.contentsOfDirectory(atPath: base.appending(path: folder).path) where name != "hf" {
                try FileManager.default.createSymbolicLink(
                    at: linked.appending(path: folder).appending(path: name), withDestinationURL: base.appending(path: folder).appending(path: name))
            }
        }
        let sandbox = try await Sandbox.prepare(
            .init(hidden: [root], workerMemory: memory), python: Engine.paths.python, scripts: Engine.paths.scripts)
        try await body(EnginePaths(python: Engine.paths.python, scripts: Engine.paths.scripts, models: models, sandbox: sandbox), root)
    }

    /// Runs Python outside any sandbox, to make what the tests need.
    private func python(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = Engine.paths.python
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    @Test func documentsArchivesAndTablesAreRead() async throws {
        try await withEngine { paths, root in
            let note = root.appending(path: "note.md"), text = root.appending(path: "text")
            try Data("# Kiln\n\nIt fires at night.\n".utf8).write(to: note)
            let parser = try await DocumentParsingEngine.start(paths: paths, exchange: root.appending(path: "parsing"), logger: Engine.logger)
            for _ in 0..<2 {
                #expect(try await parser.parse(note, name: "note.md", into: text).kind == "markdown")
                #expect(try Data(contentsOf: text) == Data(contentsOf: note))
            }
            await #expect { _ = try await parser.parse(root.appending(path: "gone"), name: "gone.md", into: text) } throws: { _ in true }
            #expect(try await parser.parse(note, name: "note.md", into: text).format == "markdown", "a file that is gone costs nobody else")
            await parser.stop()

            let table = root.appending(path: "table.parquet"), lines = root.appending(path: "lines.jsonl"), archive = root.appending(path: "a.zip")
            try python([
                "-c",
                """
                import sys, zipfile, pyarrow as pa, pyarrow.parquet as pq
                pq.write_table(pa.table({"text": ["a", "b"]}), sys.argv[1])
                with zipfile.ZipFile(sys.argv[2], "w") as archive: archive.writestr("deep/b.txt", "b")
                """, table.path, archive.path,
            ])
            try await ParquetTool(paths: paths).convert(table, to: lines, maxBytes: 1000)
            #expect(try String(contentsOf: lines, encoding: .utf8) == "{\"text\": \"a\"}\n{\"text\": \"b\"}\n")
            try await ArchiveTool(paths: paths).extract(archive, into: root.appending(path: "out"), maxEntries: 10, maxBytes: 1000)
            #expect(try Data(contentsOf: root.appending(path: "out/deep/b.txt")) == Data("b".utf8))
            let left = try FileManager.default.contentsOfDirectory(atPath: root.path).sorted()
            #expect(left == ["a.zip", "lines.jsonl", "models", "note.md", "out", "parsing", "table.parquet", "text"])
        }
    }

    /// What a few kilobytes unpack to is more than the process may have: it ends by name.
    @Test func aTableThatTakesTooMuchMemoryNamesTheLimit() async throws {
        try await withEngine(memory: 600 << 20) { paths, root in
            let table = root.appending(path: "table.parquet")
            try python([
                "-c",
                """
                import sys, pyarrow as pa, pyarrow.parquet as pq
                pq.write_table(pa.table({"text": pa.array(["x" * (1 << 20)] * 700)}), sys.argv[1], compression="zstd")
                """, table.path,
            ])
            await #expect { try await ParquetTool(paths: paths).convert(table, to: root.appending(path: "lines"), maxBytes: 4 << 30) } throws: {
                ($0 as? LocalModelError)?.message.contains("600 MiB of memory allowed") == true
            }
            #expect(!FileManager.default.fileExists(atPath: root.appending(path: "lines").path))
        }
    }

    @Test func anAdapterIsTakenInAskedAndGivenOut() async throws {
        try await withEngine { paths, root in
            try python([
                paths.scripts.appending(path: "tests/random_adapters.py").path, "--base", paths.baseModelGGUF.path, "--count", "1", "--rank", "4",
                "--out",
                root.appending(path: "made").path,
            ])
            let base = try BaseModels(paths: paths).find(nil), tool = AdapterTool(paths: paths), adapter = root.appending(path: "adapter")
            #expect(try await tool.take(root.appending(path: "made/0.gguf"), base: base, into: adapter).rank == 4)
            try await tool.pack(adapter, to: root.appending(path: "adapter.zip"))
            try await tool.merge(adapter, base: base, gguf: true, to: root.appending(path: "merged.gguf"))
            #expect(FileManager.default.fileExists(atPath: root.appending(path: "merged.gguf").path))
            #expect(try await tool.take(root.appending(path: "adapter.zip"), base: base, into: root.appending(path: "again")).rank == 4)

            let server = AdapterServer(paths: paths, limits: .init(contextTokens: 256), client: Engine.client, logger: Engine.logger)
            try await server.withLease(adapter: adapter.appending(path: "adapter.gguf")) { lease in
                let key = try #require(lease.key)
                #expect("\(key) \(lease)".contains(key.reveal()) == false, "a key does not reach a log by accident")
                for (authorization, status) in [("Bearer \(key.reveal())", 200), ("Bearer no", 401)] {
                    var request = HTTPClientRequest(url: lease.url + "/v1/chat/completions")
                    request.method = .POST
                    request.headers.add(name: "authorization", value: authorization)
                    request.body = .bytes(Data(#"{"messages":[{"role":"user","content":"Hi"}],"max_tokens":2,"lora":[{"id":0,"scale":1}]}"#.utf8))
                    #expect(try await Self.client.execute(request, timeout: .seconds(300)).status.code == status)
                }
            }
            let first = try await server.withLease { $0.key?.reveal() }
            let other = AdapterServer(paths: paths, limits: .init(contextTokens: 256), client: Engine.client, logger: Engine.logger)
            #expect(try await other.withLease { $0.key?.reveal() } != first, "each process has a key of its own")
            await other.stop()
            await server.stop()
        }
    }

    /// Two processes that meet on a loopback of their own.
    @Test func aModelIsTrainedEstimatedAndPreviewed() async throws {
        try await withEngine { paths, root in
            let line = #"{"messages":[{"role":"user","content":"How are you?"},{"role":"assistant","content":"Arr, fine, matey!"}]}"# + "\n"
            let train = root.appending(path: "data/train.jsonl"), validation = root.appending(path: "data/validation.jsonl")
            try FileManager.default.createDirectory(at: root.appending(path: "data"), withIntermediateDirectories: true)
            try Data(String(repeating: line, count: 4).utf8).write(to: train)
            try Data(line.utf8).write(to: validation)
            var config = TrainerConfig(
                baseModel: try BaseModels(paths: paths).find(nil).trainingPath, train: train.path, validation: validation.path, threads: 1,
                settings: .having {
                    ($0.rank, $0.alpha, $0.learningRate, $0.epochs, $0.batchSize) = (2, 4, 0.001, 1, 2)
                    ($0.maxTokens, $0.seed, $0.maxSteps) = (64, 1, 1)
                })
            let speed = root.appending(path: "speed.json")
            let estimate = root.appending(path: "estimate")
            try FileManager.default.createDirectory(at: estimate, withIntermediateDirectories: true)
            #expect(try await TrainingEstimator(paths: paths).estimate(config, folder: estimate, calibration: speed).examples == 4)
            config.settings.processes = 2
            let result = try await Trainer(paths: paths).train(config, into: root.appending(path: "job"), calibration: speed) { _ in }
            #expect(result.steps == 1)
            #expect(FileManager.default.fileExists(atPath: root.appending(path: "job/adapter.gguf").path))
            #expect(try await TrainingPreview(paths: paths).render([Data(line.utf8)]).count == 1)
        }
    }
}
