import AsyncHTTPClient
import Domain
import Foundation
import LocalModels
import NIOCore
import Testing

/// Real llama.cpp servers with adapters that each make another answer.
@Suite(.serialized, .enabled(if: Engine.isThere, "the engine is not set up: run make setup"))
struct AdapterServerTests {
    /// Eight adapters, written once.
    private static let adapters: Result<[URL], any Error> = Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-adapters-\(ProcessInfo.processInfo.processIdentifier)")
        let process = Process()
        process.executableURL = Engine.paths.python
        process.arguments = [
            Engine.paths.scripts.appending(path: "tests/random_adapters.py").path, "--base", Engine.paths.baseModelGGUF.path, "--count", "8",
            "--rank",
            "4", "--out", folder.path,
        ]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return (0..<8).map { folder.appending(path: "\($0).gguf") }
    }

    /// Waits as long as a busy machine takes.
    private static let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(timeout: .init(connect: .seconds(30))))

    private func withServer(
        _ limits: AdapterServer.Limits = .init(contextTokens: 256), paths: EnginePaths = Engine.paths,
        _ body: (AdapterServer, [URL]) async throws -> Void
    ) async throws {
        let server = AdapterServer(paths: paths, limits: limits, client: Engine.client, logger: Engine.logger)
        do { try await body(server, Self.adapters.get()) } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private func ask(_ lease: AdapterServer.Lease, tokens: Int = 8) async throws -> String {
        struct Reply: Decodable {
            struct Choice: Decodable {
                struct Message: Decodable { var content: String }
                var message: Message
            }
            var choices: [Choice]
        }
        var request = HTTPClientRequest(url: lease.url + "/v1/chat/completions")
        request.method = .POST
        if let key = lease.key { request.headers.add(name: "authorization", value: "Bearer \(key.reveal())") }
        let lora = lease.adapterIndex.map { #"[{"id":\#($0),"scale":0.6}]"# } ?? "[]"
        let body =
            #"{"messages":[{"role":"user","content":"Tell me a story."}],"temperature":0,"max_tokens":\#(tokens),"cache_prompt":false,"lora":\#(lora)}"#
        request.body = .bytes(Data(body.utf8))
        let reply = try await Self.client.execute(request, timeout: .seconds(900))
        return try JSONDecoder().decode(Reply.self, from: Data(String(buffer: try await reply.body.collect(upTo: 1 << 20)).utf8)).choices[0].message
            .content
    }

    @Test func interleavedUsersEachGetTheBytesTheyWouldGetAlone() async throws {
        try await withServer { server, adapters in
            // One start for all, since they are asked for together.
            let urls = try await withThrowingTaskGroup(of: String.self) { group in
                for adapter in adapters { group.addTask { try await server.withLease(adapter: adapter) { $0.url } } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(urls.count == 1)
            var alone: [String] = []
            for adapter in adapters { alone.append(try await server.withLease(adapter: adapter) { try await ask($0) }) }
            #expect(Set(alone).count > adapters.count / 2, "the adapters make other answers")
            let together = try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for (index, adapter) in adapters.enumerated() {
                    group.addTask { (index, try await server.withLease(adapter: adapter) { try await ask($0) }) }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(adapters.indices.map { together[$0] } == alone)
        }
    }

    @Test func anAdapterIsAddedBesideAnAnswerUnderWay() async throws {
        try await withServer { server, adapters in
            let first = try await server.lease(adapter: adapters[0])
            let old = try #require(await server.processID())
            let second = try await server.lease(adapter: adapters[1])
            #expect(first.url != second.url && second.adapterIndex != nil)
            #expect(try await ask(first, tokens: 2).isEmpty == false, "the old server still answers")
            await server.release(first)
            #expect(kill(old, 0) != 0, "and is gone when it has")
            #expect(try await server.withLease(adapter: adapters[0]) { $0.url } == second.url)
            await server.release(second)
        }
    }

    @Test func theLeastRecentlyUsedAdapterMakesRoomAndReturnsWhenAskedFor() async throws {
        try await withServer(.init(contextTokens: 256, adapters: 2)) { server, adapters in
            for adapter in adapters[0...2] { try await server.preload(adapter) }
            #expect(await server.loadedAdapters() == [adapters[1].path, adapters[2].path])
            try await server.preload(adapters[0])
            #expect(await server.loadedAdapters() == [adapters[2].path, adapters[0].path])
        }
    }

    @Test func anIdleAdapterIsLetGoOf() async throws {
        try await withServer(.init(contextTokens: 256, adapterIdle: .milliseconds(200))) { server, adapters in
            let lease = try await server.lease(adapter: adapters[0])
            #expect(await server.loadedAdapters() == [adapters[0].path], "not while it answers")
            await server.release(lease)
            while await !server.loadedAdapters().isEmpty { await Task.yield() }
            #expect(try await server.withLease(adapter: adapters[0]) { $0.adapterIndex } == 0)
        }
    }

    @Test func anAdapterThatIsRefusedKeepsNobodyElseFromBeingServed() async throws {
        try await withServer { server, adapters in
            let broken = FileManager.default.temporaryDirectory.appending(path: "broken-\(UUID().uuidString).gguf")
            try Data("GGUF but no adapter".utf8).write(to: broken)
            defer { try? FileManager.default.removeItem(at: broken) }
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    do { try await server.preload(broken) } catch let error as LocalModelError { return error.code == .adapterRefused }
                    return false
                }
                group.addTask {
                    // Both come with one start, whose failure both may see; asked again, the good one is served.
                    do { try await server.preload(adapters[0]) } catch is LocalModelError { try await server.preload(adapters[0]) }
                    return true
                }
                for try await isRight in group { #expect(isRight) }
            }
            #expect(await server.loadedAdapters() == [adapters[0].path])
        }
    }

    @Test func aBaseMakesRoomForAnotherWhenItIsIdle() async throws {
        let models = FileManager.default.temporaryDirectory.appending(path: "atelier-bases-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: models) }
        try FileManager.default.createDirectory(at: models, withIntermediateDirectories: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: Engine.models.path) {
            try FileManager.default.createSymbolicLink(
                atPath: models.appending(path: name).path, withDestinationPath: Engine.models.appending(path: name).path)
        }
        try FileManager.default.createSymbolicLink(
            atPath: models.appending(path: "other.gguf").path, withDestinationPath: Engine.paths.baseModelGGUF.path)
        let paths = EnginePaths(python: Engine.paths.python, scripts: Engine.paths.scripts, models: models)
        try await withServer(.init(contextTokens: 256, bases: 1), paths: paths) { server, _ in
            let first = try await server.lease()
            #expect(first.model == EnginePaths.baseModelName)
            async let waiting = server.lease(base: "other")
            #expect(try await ask(first, tokens: 2).isEmpty == false, "a base that answers is not taken away")
            #expect(await server.loadedBases == [EnginePaths.baseModelName])
            await server.release(first)
            let second = try await waiting
            #expect(second.model == "other")
            #expect(await server.loadedBases == ["other"])
            #expect(try await ask(second, tokens: 2).isEmpty == false)
            await server.release(second)
            await #expect { try await server.lease(base: "nowhere") } throws: { ($0 as? LocalModelError)?.code == .baseModelMissing }
        }
    }

    @Test func aServerThatDiesUnderALeaseIsKnownToHaveEnded() async throws {
        try await withServer(.init(contextTokens: 256)) { server, adapters in
            let lease = try await server.lease(adapter: adapters[0])
            #expect(await !server.hasEnded(lease))
            kill(try #require(await server.processID()), SIGKILL)
            await #expect(throws: (any Error).self) { try await ask(lease) }
            #expect(await server.hasEnded(lease))
            let next = try await server.lease(adapter: adapters[0])
            #expect(next.url != lease.url)
            #expect(try await ask(next, tokens: 2).isEmpty == false)
            await server.release(lease)
            await server.release(next)
        }
    }
}
