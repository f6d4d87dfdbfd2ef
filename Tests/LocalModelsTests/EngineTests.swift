import AsyncHTTPClient
import Domain
import Foundation
import LocalModels
import Logging
import Testing

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// The real engine, where it is set up: `.venv` and the default models.
enum Engine {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    static let models: URL = {
        let data = ProcessInfo.processInfo.environment["ATELIER_DATA_DIR"] ?? "data"
        return URL(filePath: data, relativeTo: root).appending(path: "models")
    }()
    static let paths = EnginePaths(
        python: URL(filePath: ProcessInfo.processInfo.environment["ATELIER_PYTHON"] ?? ".venv/bin/python", relativeTo: root).absoluteURL,
        scripts: root.appending(path: "engine"), models: models)
    static let isThere = paths.missing() == nil
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    /// As the server's: it follows no redirects.
    static let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))
}

@Suite(.serialized, .enabled(if: Engine.isThere, "the engine is not set up: run make setup"))
struct EngineTests {
    @Test func theEmbedderReturnsUnitVectorsInOrderAndExactTokenCounts() async throws {
        let embedder = try await EmbeddingEngine.start(paths: Engine.paths, logger: Engine.logger)
        let texts = ["The kiln fires at night.", "Bicycles hang on the wall.", "The kiln fires at night."]
        let values = try await embedder.embed(texts, kind: "passage")
        #expect(values.count == 3 * embedder.info.dimension)
        let rows = (0..<3).map { Array(values[$0 * embedder.info.dimension..<($0 + 1) * embedder.info.dimension]) }
        for row in rows { #expect(abs(row.reduce(0) { $0 + $1 * $1 } - 1) < 0.01) }
        func cosine(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        #expect(cosine(rows[0], rows[2]) > 0.999 && cosine(rows[0], rows[1]) < 0.9)
        #expect(try await embedder.tokenCounts(["", "one two three"]) == [0, 3])
        await embedder.stop()
    }

    @Test func anEmbedderThatIsKilledComesBackForTheNextRequest() async throws {
        let embedder = try await EmbeddingEngine.start(paths: Engine.paths, logger: Engine.logger)
        let killed = try #require(await embedder.processID)
        kill(killed, SIGKILL)
        await #expect { try await embedder.embed(["a"], kind: "query") } throws: {
            ($0 as? LocalModelError)?.code == .embedderDied && ($0 as? LocalModelError)?.code.isTransient == true
        }
        #expect(try await embedder.embed(["a"], kind: "query").count == embedder.info.dimension)
        #expect(await embedder.processID != killed)
        await embedder.stop()
    }

    @Test func requestsAtOnceEachGetTheirOwnVectors() async throws {
        let embedder = try await EmbeddingEngine.start(paths: Engine.paths, logger: Engine.logger)
        let alone = try await embedder.embed(["text 3"], kind: "passage")
        let together = try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
            for number in 0..<8 { group.addTask { (number, try await embedder.embed(["text \(number)"], kind: "passage")) } }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        #expect(together.count == 8 && together[3] == alone)
        await embedder.stop()
    }

    @Test func stoppingEndsTheChild() async throws {
        let embedder = try await EmbeddingEngine.start(paths: Engine.paths, logger: Engine.logger)
        let child = try #require(await embedder.processID)
        await embedder.stop()
        #expect(kill(child, 0) != 0)
    }

    @Test func theModelServerIsReplacedWhenItIsKilled() async throws {
        let server = AdapterServer(paths: Engine.paths, limits: .init(contextTokens: 512, slots: 1), client: Engine.client, logger: Engine.logger)
        let first = try await server.lease()
        let killed = try #require(await server.processID())
        await server.release(first)
        kill(killed, SIGKILL)
        // Either the supervisor has noticed, or this lease waits for the new one; a lease of the dead
        // one is possible for a moment, so look until the number changes.
        while await server.processID() == killed { await Task.yield() }
        let second = try await server.lease()
        #expect(second.url != first.url)
        let (_, response) = try await URLSession.shared.data(from: #require(URL(string: second.url + "/health")))
        #expect((response as? HTTPURLResponse)?.statusCode == 200)
        await server.release(second)
        let last = try #require(await server.processID())
        await server.stop()
        #expect(kill(last, 0) != 0)
        await #expect(throws: LocalModelError.self) { try await server.lease() }
    }

    @Test func anAdapterWhoseFileIsGoneIsRefusedByName() async throws {
        let server = AdapterServer(paths: Engine.paths, client: Engine.client, logger: Engine.logger)
        await #expect { try await server.lease(adapter: URL(filePath: "/nowhere/adapter.gguf")) } throws: {
            ($0 as? LocalModelError)?.code == .adapterMissing
        }
        await server.stop()
    }

    @Test func aHostileArchiveFailsByNameAndLeavesNothing() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        let out = folder.appending(path: "out")
        try FileManager.default.createDirectory(at: out, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let archive = folder.appending(path: "a.zip")
        try Data("PK\u{3}\u{4} but not really".utf8).write(to: archive)
        await #expect(throws: LocalModelError.self) {
            try await ArchiveTool(paths: Engine.paths).extract(archive, into: out, maxEntries: 10, maxBytes: 1000)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: out.path).isEmpty)
    }
}

/// Faults of a trainer that the real one cannot be made to show, played by a script in its place.
@Suite struct TrainerTests {
    private func train(script: String, earlier: String? = nil) async throws -> TrainerResult {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        for path in ["engine/training", "models/\(EnginePaths.baseModelName)", "models/bge-small-en-v1.5"] {
            try FileManager.default.createDirectory(at: folder.appending(path: path), withIntermediateDirectories: true)
        }
        try Data(script.utf8).write(to: folder.appending(path: "engine/training/train.py"))
        try Data().write(to: folder.appending(path: "engine/confine.py"))
        try Data().write(to: folder.appending(path: "models/\(EnginePaths.baseModelName)/model.gguf"))
        if let earlier {
            try FileManager.default.createDirectory(at: folder.appending(path: "out"), withIntermediateDirectories: true)
            try Data(earlier.utf8).write(to: folder.appending(path: "out/exit.json"))
        }
        let paths = EnginePaths(
            python: URL(filePath: "/usr/bin/env"), scripts: folder.appending(path: "engine"), models: folder.appending(path: "models"))
        let shell = folder.appending(path: "python")
        try Data("#!/bin/sh\nexec /bin/sh \"$@\"\n".utf8).write(to: shell)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: shell.path)
        var own = paths
        own.python = shell
        return try await Trainer(paths: own).train(
            TrainerConfig(
                baseModel: "b", train: "t", validation: "v", threads: 1, settings: TrainingConfig()), into: folder.appending(path: "out")
        ) { _ in }
    }

    @Test func anExitStatusOfZeroIsNoSuccessWithoutTheExitRecord() async throws {
        await #expect { _ = try await train(script: "echo '{\"event\":\"loading\"}'; exit 0") } throws: {
            ($0 as? LocalModelError)?.code == .trainerDied
        }
    }

    @Test func aKilledTrainerIsReportedWithItsLastWords() async throws {
        await #expect { _ = try await train(script: "echo 'about to go' >&2; kill -9 $$") } throws: {
            let error = $0 as? LocalModelError
            return error?.code == .trainerDied && error?.message.contains("about to go") == true && error?.message.contains("memory") == true
        }
    }

    /// A record of an earlier attempt is set aside for the trainer to judge, and never taken for this one's.
    @Test func anEarlierRecordIsNotThisAttempts() async throws {
        let complete =
            #"{"status":"completed","fingerprint":"f","reply_tokens":1,"steps":1,"seconds":1,"cpu_seconds":1,"peak_memory_bytes":1,"sha256":"s","rank":1}"#
        await #expect { _ = try await train(script: "exit 0", earlier: complete) } throws: { ($0 as? LocalModelError)?.code == .trainerDied }
        let judged = try await train(script: #"mv "$4/exit.previous.json" "$4/exit.json""#, earlier: complete)
        #expect(judged.fingerprint == "f")
    }

    @Test func theTrainersOwnErrorIsKeptWithItsHint() async throws {
        let script = #"printf '{"status":"failed","error":{"code":"nan_loss","message":"m","hint":"h"}}' > "$4/exit.json"; exit 1"#
        await #expect { _ = try await train(script: script) } throws: {
            ($0 as? LocalModelError) == LocalModelError(code: .nanLoss, message: "m", hint: "h")
        }
    }
}
