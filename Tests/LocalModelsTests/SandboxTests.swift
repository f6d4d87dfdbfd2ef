import AsyncHTTPClient
import Foundation
import LocalModels
import NIOCore
import TestSupport
import Testing

/// What a child that was taken over can still do, tried by a script in the place of each script of the engine.
@Suite(.serialized, .enabled(if: Engine.isThere, "the engine is not set up: run make setup"))
struct SandboxTests {
    /// The kinds of children there are.
    enum Kind: String, CaseIterable, Sendable {
        case archive, parquet, collection, adapterImport, adapterPack, adapterMerge, documents, embedder, modelServer, trainer, estimate, preview

        var script: String {
            switch self {
            case .archive: "documents/extract.py"
            case .parquet: "documents/parquet.py"
            case .collection: "documents/collection_import.py"
            case .adapterImport, .adapterPack, .adapterMerge: "serving/adapters.py"
            case .documents: "documents/parse.py"
            case .embedder: "embedding/embed.py"
            case .modelServer: "serving/serve.py"
            case .trainer: "training/train.py"
            case .estimate: "training/estimate.py"
            case .preview: "training/preview.py"
            }
        }
    }

    /// A data directory with secrets in it, and a listener on loopback.
    private struct House {
        let root = FileManager.default.temporaryDirectory.appending(path: "atelier-house-\(UUID().uuidString)")
        var data: URL { root.appending(path: "data") }
        var engine: URL { root.appending(path: "engine") }
        /// Of the user whose files the child reads.
        var own: URL { data.appending(path: "users/one") }
        let listener: Listener
        var secrets: [URL] {
            [data.appending(path: "encryption.key"), root.appending(path: ".env"), data.appending(path: "users/two/letter.txt")]
        }

        /// Where nothing may be written; what is written in the child's own /tmp is not there.
        var outside: [URL] {
            [data, root, engine, own, URL(filePath: "/"), URL(filePath: "/usr")].map { $0.appending(path: "left-behind-\(root.lastPathComponent)") }
        }

        init() throws {
            listener = try Listener()
            let parts = ["documents", "embedding", "serving", "training"]
            for folder in parts.map({ "engine/\($0)" }) + ["data/users/one", "data/users/two", "data/users/one/adapter/peft"] {
                try FileManager.default.createDirectory(at: root.appending(path: folder), withIntermediateDirectories: true)
            }
            for secret in secrets { try Data("a secret".utf8).write(to: secret) }
            for file in ["own.txt", "adapter/adapter.gguf", "train.jsonl", "validation.jsonl"] {
                try Data("his own".utf8).write(to: own.appending(path: file))
            }
            // A script finds beside it what it imports.
            for folder in parts.map({ engine.appending(path: $0) }) + [engine] {
                for file in ["child.py", "confine.py"] {
                    try FileManager.default.copyItem(at: Engine.paths.scripts.appending(path: file), to: folder.appending(path: file))
                }
            }
            try FileManager.default.createSymbolicLink(
                at: data.appending(path: "models"), withDestinationURL: Engine.models.resolvingSymlinksInPath())
            let targets: [String: Any] = [
                "secrets": secrets.map(\.path), "port": listener.port,
                "outside": outside.map(\.path),
                "server": ProcessInfo.processInfo.arguments[0],
                "variables": ProcessInfo.processInfo.environment.filter { name, _ in
                    !["PATH", "LANG", "LC_", "TZ", "HOME", "TMPDIR", "PYTHON", "OMP_", "OPENBLAS_", "CUDA_", "NVIDIA_"].contains {
                        name.hasPrefix($0)
                    }
                },
            ]
            try JSONSerialization.data(withJSONObject: targets).write(to: engine.appending(path: "targets.json"))
            for script in Set(Kind.allCases.map(\.script)) { try Data(Self.probe.utf8).write(to: engine.appending(path: script)) }
        }

        func paths(_ mode: Sandbox.Mode, memory: Int = 1 << 30) async throws -> EnginePaths {
            let options = Sandbox.Options(mode: mode, hidden: [data, root.appending(path: ".env")], workerMemory: memory)
            let sandbox = try await Sandbox.prepare(options, python: Engine.paths.python, scripts: engine)
            return EnginePaths(python: Engine.paths.python, scripts: engine, models: data.appending(path: "models"), sandbox: sandbox)
        }

        func remove() { for url in outside + [root] { try? FileManager.default.removeItem(at: url) } }

        /// Tries each thing a child must not do, and fails with what was done all the same.
        private static let probe = """
            import child
            import ctypes, json, os, resource, socket, subprocess, sys
            from pathlib import Path

            child.start(watch_stdin=False)
            targets = json.loads((Path(__file__).parents[1] / "targets.json").read_text())
            confined = json.loads(os.environ["ATELIER_CONFINE"])
            done = []

            def attempt(name, action):
                try:
                    if action() is not False:
                        done.append(name)
                except (OSError, MemoryError, subprocess.SubprocessError):
                    pass

            for path in targets["secrets"]:
                attempt("read " + path, lambda: Path(path).read_bytes())
            for path in targets["outside"]:
                try:
                    Path(path).write_bytes(b"x")
                except OSError:
                    pass
            attempt("listed the data directory", lambda: "users" in os.listdir(Path(targets["secrets"][0]).parent) and "two" in os.listdir(Path(targets["secrets"][2]).parent.parent))
            attempt("connected", lambda: socket.create_connection(("127.0.0.1", targets["port"]), timeout=5))
            attempt("sent a datagram", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", targets["port"])) if confined["network"] != "loopback" else False)
            def others():
                pids = [entry for entry in os.listdir("/proc") if entry.isdigit()]
                return any(targets["server"].encode() in Path("/proc", pid, "cmdline").read_bytes() for pid in pids)
            attempt("saw the server's process", others)
            attempt("had foreign variables", lambda: any(os.environ.get(name) == value for name, value in targets["variables"].items()))
            attempt("read a foreign variable of its first process",
                    lambda: any(f"{name}={value}".encode() in Path("/proc/1/environ").read_bytes().split(bytes(1)) for name, value in targets["variables"].items()))
            libc = ctypes.CDLL(None, use_errno=True)
            attempt("traced", lambda: libc.ptrace(0, 0, 0, 0) == 0)
            attempt("made a namespace", lambda: libc.unshare(0x10000000) == 0)
            if confined.get("processes") == 0:
                def fork():
                    if os.fork() == 0:
                        os._exit(0)
                attempt("forked", fork)
                attempt("ran a program", lambda: subprocess.run(["/bin/true"]))
            if "memory" in confined:
                attempt("had more memory", lambda: len(bytearray(confined["memory"])))
                attempt("had memory that is not counted", lambda: os.memfd_create("x"))
            if "file" in confined:
                attempt("wrote a long file", lambda: os.truncate("/tmp/long", confined["file"] + 1) if open("/tmp/long", "w").close() is None else None)
            kept = []
            attempt("opened more files", lambda: [kept.append(open("/dev/null")) for _ in range(confined["open"] + 1)])
            kept.clear()
            message = "PROBE " + json.dumps(done)
            if "--out" in sys.argv and sys.argv[0].endswith("training/train.py"):
                out = Path(sys.argv[sys.argv.index("--out") + 1])
                (out / "exit.json").write_text(json.dumps({"status": "failed", "error": {"code": "probe", "message": message, "hint": ""}}))
            child.fail("probe", message, "none")
            """
    }

    /// What the probe did in a child of this kind; nil where it did not even run.
    private func probe(_ kind: Kind, _ house: House, _ paths: EnginePaths) async throws -> [String]? {
        let (file, out) = (house.own.appending(path: "own.txt"), house.own.appending(path: "out"))
        let base = try BaseModels(paths: paths).find(nil)
        let config = TrainerConfig(
            baseModel: base.trainingPath, train: house.own.appending(path: "train.jsonl").path,
            validation: house.own.appending(path: "validation.jsonl").path, threads: 1, settings: .having { $0.maxTokens = 64 })
        var said = ""
        do {
            switch kind {
            case .archive: try await ArchiveTool(paths: paths).extract(file, into: out, maxEntries: 1, maxBytes: 1000)
            case .parquet: try await ParquetTool(paths: paths).convert(file, to: out, maxBytes: 1000)
            case .collection: _ = try await CollectionTool(paths: paths).check(house.own.appending(path: "adapter"), into: out, maxBytes: 1000)
            case .adapterImport: _ = try await AdapterTool(paths: paths).take(file, base: base, into: out)
            case .adapterPack: try await AdapterTool(paths: paths).pack(house.own.appending(path: "adapter"), to: out)
            case .adapterMerge: try await AdapterTool(paths: paths).merge(house.own.appending(path: "adapter"), base: base, gguf: true, to: out)
            case .documents:
                let engine = try await DocumentParsingEngine.start(
                    paths: paths, exchange: house.data.appending(path: "parsing"), logger: Engine.logger)
                await engine.stop()
            case .embedder: await (try await EmbeddingEngine.start(paths: paths, logger: Engine.logger)).stop()
            case .modelServer:
                let server = AdapterServer(paths: paths, limits: .init(contextTokens: 256), client: Engine.client, logger: Engine.logger)
                do { _ = try await server.lease() } catch {
                    await server.stop()
                    throw error
                }
            case .trainer: _ = try await Trainer(paths: paths).train(config, into: out) { _ in }
            case .estimate:
                try FileManager.default.createDirectory(at: out, withIntermediateDirectories: true)
                _ = try await TrainingEstimator(paths: paths).estimate(config, folder: out, calibration: house.own.appending(path: "speed.json"))
            case .preview: _ = try await TrainingPreview(paths: paths).render([Data("{}".utf8)])
            }
        } catch let error as LocalModelError { said = error.message }
        guard let start = said.range(of: "PROBE "), let end = said[start.upperBound...].firstIndex(of: "]") else {
            Issue.record("the probe said nothing: \(said)")
            return nil
        }
        return try JSONDecoder().decode([String].self, from: Data(said[start.upperBound...end].utf8))
    }

    /// Whether this machine has all that a sandbox is made of, and what is missing.
    private static let shortcoming = Task {
        try await Sandbox.prepare(.init(), python: Engine.paths.python, scripts: Engine.paths.scripts).shortcoming
    }

    @Test(
        .enabled("there is no bubblewrap that works: run make setup") { try await Self.shortcoming.value == nil }, arguments: Kind.allCases)
    func aChildThatWasTakenOverGainsNothing(_ kind: Kind) async throws {
        let house = try House()
        defer { house.remove() }
        let paths = try await house.paths(.auto)
        #expect(paths.sandbox.shortcoming == nil)
        let done = try await probe(kind, house, paths)
        #expect(done == [])
        #expect(house.listener.accepted() == 0)
        for url in house.outside { #expect(!FileManager.default.fileExists(atPath: url.path), "\(url.path)") }
        for secret in house.secrets { #expect(try Data(contentsOf: secret) == Data("a secret".utf8)) }
    }

    /// The probe can do what it tries: without namespaces it does, but for what limits, filter and environment refuse.
    @Test(arguments: [Kind.archive, .trainer]) func withoutNamespacesTheFilesAreOpenAndTheRestIsNot(_ kind: Kind) async throws {
        let house = try House()
        defer { house.remove() }
        let paths = try await house.paths(.off)
        #expect(paths.sandbox.shortcoming == "ATELIER_SANDBOX is off")
        let done = try #require(try await probe(kind, house, paths))
        for secret in house.secrets { #expect(done.contains("read \(secret.path)")) }
        #expect(FileManager.default.fileExists(atPath: house.outside[0].path))
        #expect(done.contains("connected") == (kind == .trainer))
        for refused in ["forked", "ran a program", "had more memory", "had foreign variables", "traced", "opened more files"] {
            #expect(!done.contains(refused))
        }
    }

    @Test func nothingRunsUnpreparedWhenTheEngineComesLater() async throws {
        let python = FileManager.default.temporaryDirectory.appending(path: "python-\(UUID().uuidString)")
        let sandbox = try await Sandbox.prepare(.init(), python: python, scripts: Engine.paths.scripts)
        try FileManager.default.createSymbolicLink(at: python, withDestinationURL: Engine.paths.python)
        defer { try? FileManager.default.removeItem(at: python) }
        let paths = EnginePaths(python: python, scripts: Engine.paths.scripts, models: Engine.models, sandbox: sandbox)
        #expect(paths.missing()?.code == .engineMissing && paths.missing()?.hint == "start the server again")
    }

    /// bubblewrap is the process we started; killed, it leaves nothing of the child behind.
    @Test(.enabled("there is no bubblewrap that works: run make setup") { try await Self.shortcoming.value == nil })
    func aKilledSandboxTakesItsProcessesAlong() async throws {
        let house = try House()
        defer { house.remove() }
        try Data("import child\nchild.start()\nchild.emit({'event': 'ready'})\nimport time\ntime.sleep(600)\n".utf8)
            .write(to: house.engine.appending(path: "documents/parse.py"))
        let paths = try await house.paths(.auto)
        let parser = try await DocumentParsingEngine.start(paths: paths, exchange: house.data.appending(path: "parsing"), logger: Engine.logger)
        kill(try #require(await parser.processID), SIGKILL)
        // Its output ends when the last process that holds it does.
        await #expect {
            _ = try await parser.parse(house.own.appending(path: "own.txt"), name: "a.txt", into: house.own.appending(path: "a"))
        } throws: {
            ($0 as? LocalModelError)?.code == .parserDied
        }
        await parser.stop()
        #expect(try FileManager.default.contentsOfDirectory(atPath: house.data.appending(path: "parsing").path).isEmpty)
    }

    // MARK: - Output

    private func extract(_ house: House, _ script: String) async throws {
        try Data(script.utf8).write(to: house.engine.appending(path: "documents/extract.py"))
        try await ArchiveTool(paths: house.paths(.auto)).extract(
            house.own.appending(path: "own.txt"), into: house.own.appending(path: "out"), maxEntries: 1, maxBytes: 1000)
    }

    /// A link would have the server read what the child could not.
    @Test(arguments: ["os.symlink('/etc/passwd', out + '/link')", "os.symlink('/', out + '/deep/link')", "os.mkfifo(out + '/deep/pipe')"])
    func whatIsNeitherFileNorFolderIsNotTaken(_ attack: String) async throws {
        let house = try House()
        defer { house.remove() }
        let script = """
            import child, os, sys
            child.start()
            out = sys.argv[sys.argv.index("--out") + 1]
            os.mkdir(out + "/deep")
            \(attack)
            child.emit({"event": "done"})
            """
        await #expect { try await extract(house, script) } throws: { ($0 as? LocalModelError)?.code == .childOutputUnsafe }
    }

    /// As one line without an end, as many lines, and as a flood that is never read: the server's memory is not the child's to fill.
    @Test(arguments: ["b'x' * 65536", "(b'{' + b' ' * 60000 + b'}\\n')"]) func aFloodOfOutputEndsTheChild(_ block: String) async throws {
        let house = try House()
        defer { house.remove() }
        let script = "import child, os\nchild.start()\nwhile True:\n    child.write(\(block))\n"
        await #expect { try await extract(house, script) } throws: {
            ($0 as? LocalModelError)?.message.contains("writes more than is allowed") == true
        }
    }

    @Test func aChildThatComputesForEverEndsWithItsLimitsName() async throws {
        let house = try House()
        defer { house.remove() }
        let script = "import child, resource\nchild.start()\nresource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass\n"
        await #expect { try await extract(house, script) } throws: {
            ($0 as? LocalModelError)?.message.contains("600 s of processor time") == true
        }
    }

    @Test func aChildThatDiesForWantOfMemoryNamesTheLimit() async throws {
        let house = try House()
        defer { house.remove() }
        await #expect { try await extract(house, "import child, os\nchild.start()\nos.abort()\n") } throws: {
            ($0 as? LocalModelError)?.message.contains("1024 MiB of memory") == true
        }
    }
}

/// A socket on loopback that counts who connects.
private final class Listener: Sendable {
    let descriptor: Int32
    let port: Int

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0 }
        }
        try #require(bound && listen(descriptor, 8) == 0 && fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0)
        port = Int(UInt16(bigEndian: address.sin_port))
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// How many connections wait to be accepted.
    func accepted() -> Int {
        var count = 0
        while true {
            let connection = accept(descriptor, nil, nil)
            if connection < 0 { return count }
            close(connection)
            count += 1
        }
    }
}
