import Foundation
import LocalModels
import Testing

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// A server that names adapters as models: vLLM's recorded replies on loopback, and a real llama.cpp, which has no such route.
@Suite(.serialized, .enabled(if: Engine.isThere, "the engine is not set up: run make setup"))
struct RemoteAdaptersTests {
    /// What vLLM 0.11 sends for `POST /v1/load_lora_adapter` and `…/unload_lora_adapter`, and what it was sent.
    private final class Recorded {
        let url: String
        private let process = Process()
        private let output = Pipe()
        private var lines: FileHandle { output.fileHandleForReading }

        private static let script = #"""
            import http.server, json, sys
            loaded = set()
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_POST(self):
                    body = self.rfile.read(int(self.headers["content-length"]))
                    print(json.dumps({"path": self.path, "body": body.decode(), "type": self.headers["content-type"]}), flush=True)
                    name = json.loads(body)["lora_name"]
                    status, kind, text = 200, "application/json", f"Success: LoRA adapter '{name}' added successfully."
                    if self.path.endswith("unload_lora_adapter"):
                        text = f"Success: LoRA adapter '{name}' removed successfully."
                        loaded.discard(name)
                    elif name in loaded:
                        # In whatever words: another version, or another server.
                        status, text = 400, json.dumps({"error": {"message": f"'{name}' is there.", "type": "InvalidUserInput", "param": None, "code": 400}})
                    elif name.startswith("refused"):
                        status, text = 400, json.dumps({"error": {"message": f"'{name}' was already tried and is invalid.", "type": "BadRequestError", "param": None, "code": 400}})
                        self.send_response(status); self.send_header("content-length", str(len(text))); self.end_headers()
                        return self.wfile.write(text.encode())
                    elif name.startswith("bad"):
                        status, text = 404 if name == "bad-route" else 500, json.dumps({"error": {"message": "No adapter found", "type": "InternalServerError", "param": None, "code": 500}})
                    loaded.add(name)
                    self.send_response(status); self.send_header("content-type", kind); self.send_header("content-length", str(len(text))); self.end_headers()
                    self.wfile.write(text.encode())
                def do_GET(self):
                    text = json.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in sorted(loaded)]}).encode()
                    self.send_response(200); self.send_header("content-length", str(len(text))); self.end_headers()
                    self.wfile.write(text)
                def log_message(self, *arguments): pass
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            print(server.server_port, flush=True)
            server.serve_forever()
            """#

        init() throws {
            process.executableURL = Engine.paths.python
            process.arguments = ["-c", Self.script]
            process.standardOutput = output
            try process.run()
            url = "http://127.0.0.1:\(Self.line(output.fileHandleForReading))"
        }

        /// The next request as the server printed it.
        func next() throws -> [String: String] { try JSONDecoder().decode([String: String].self, from: Data(Self.line(lines).utf8)) }

        func stop() {
            // A child inherits the signals its parent's thread has blocked; this one cannot be.
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            process.waitUntilExit()
        }

        private static func line(_ file: FileHandle) -> String {
            var line = Data()
            while true {
                let byte = file.readData(ofLength: 1)
                if byte.isEmpty || byte[0] == 0x0A { return String(decoding: line, as: UTF8.self) }
                line += byte
            }
        }
    }

    private func adapter(_ id: String) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-remote-\(UUID().uuidString)/\(id)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data("GGUF".utf8).write(to: folder.appending(path: "adapter.gguf"))
        return folder.appending(path: "adapter.gguf")
    }

    private func server(_ url: String, template: String = "{base}-{adapter}") -> AdapterServer {
        AdapterServer(
            paths: Engine.paths, remote: RemoteAdapters(url: url, template: template, client: Engine.client, logger: Engine.logger),
            client: Engine.client,
            logger: Engine.logger)
    }

    @Test func anAdapterIsLoadedOnceUnderTheTemplatesNameAndUnloadedWhenItGoes() async throws {
        let recorded = try Recorded()
        defer { recorded.stop() }
        let (server, file) = (server(recorded.url + "/"), try adapter("ada_1"))
        let lease = try await server.lease(adapter: file, base: "big")
        #expect((lease.url, lease.model, lease.isLlama) == (recorded.url, "big-ada_1", false) && lease.adapterIndex == nil)
        let folder = file.deletingLastPathComponent()
        #expect(
            try recorded.next() == [
                "path": "/v1/load_lora_adapter", "type": "application/json",
                "body": #"{"lora_name":"big-ada_1","lora_path":"\#(folder.appending(path: "peft").path)"}"#,
            ])
        await server.release(lease)
        #expect(try await server.lease(adapter: file, base: "big").model == "big-ada_1")
        #expect(try await server.lease(base: "big").model == "big", "the base is asked by its own name")
        await server.forget(under: folder)
        #expect(try recorded.next()["path"] == "/v1/unload_lora_adapter", "and nothing was loaded twice")
    }

    @Test func whatIsLoadedAlreadyIsUsedAndWhatCannotBeLoadedIsTold() async throws {
        let recorded = try Recorded()
        defer { recorded.stop() }
        let file = try adapter("ada_2")
        _ = try await server(recorded.url).lease(adapter: file)
        #expect(try await server(recorded.url).lease(adapter: file).model.hasSuffix("ada_2"), "another server of ours has loaded it")
        let bad = try adapter("bad-disk")
        await #expect { try await server(recorded.url, template: "{adapter}").lease(adapter: bad) } throws: {
            ($0 as? LocalModelError)?.code == .adapterRefused && ($0 as? LocalModelError)?.message.contains("No adapter found") == true
        }
        let refused = try adapter("refused")
        await #expect { try await server(recorded.url, template: "{adapter}").lease(adapter: refused) } throws: {
            ($0 as? LocalModelError)?.code == .adapterRefused
        }
        #expect(try await server(recorded.url, template: "{adapter}").lease(adapter: adapter("bad-route")).model == "bad-route")
        recorded.stop()
        let unreached = try adapter("ada_3")
        await #expect { try await server(recorded.url).lease(adapter: unreached) } throws: { ($0 as? LocalModelError)?.code == .adapterServerDown }
    }

    @Test func aServerWithoutThatRouteIsAskedByNameAlone() async throws {
        // Any llama.cpp of the operator's: one of ours, started without a key.
        struct Ready: Decodable { var url: String }
        let (llama, input, output) = (Process(), Pipe(), Pipe())
        llama.executableURL = Engine.paths.python
        llama.arguments = [
            Engine.paths.scripts.appending(path: "serving/serve.py").path, "--model", Engine.paths.baseModelGGUF.path, "--context", "256",
        ]
        (llama.standardInput, llama.standardOutput, llama.standardError) = (input, output, FileHandle.nullDevice)
        try llama.run()
        defer { llama.terminate() }
        let ready = try JSONDecoder().decode(Ready.self, from: output.fileHandleForReading.availableData)
        let lease = try await server(ready.url, template: "{adapter}").lease(adapter: adapter("ada_4"))
        #expect(lease.model == "ada_4")
        var request = URLRequest(url: try #require(URL(string: lease.url + "/v1/chat/completions")))
        request.httpMethod = "POST"
        request.httpBody = Data(#"{"model":"\#(lease.model)","messages":[{"role":"user","content":"Hi"}],"max_tokens":2}"#.utf8)
        let (_, response) = try await URLSession.shared.data(for: request)
        #expect((response as? HTTPURLResponse)?.statusCode == 200)
    }
}
