import Foundation

extension Sandbox {
    /// What a sandbox is made for.
    public struct Options: Sendable {
        public var mode: Mode
        /// Files and folders that no child sees, but for what it is given of them: the data directory, `.env`.
        public var hidden: [URL]
        /// Names of environment variables that children get beside the usual ones.
        public var passedNames: Set<String>
        /// Address space of a child that reads foreign files, in bytes.
        public var workerMemory: Int

        public init(mode: Mode = .auto, hidden: [URL] = [], passedNames: Set<String> = [], workerMemory: Int = 2 << 30) {
            self.mode = mode
            self.hidden = hidden
            self.passedNames = passedNames
            self.workerMemory = workerMemory
        }
    }

    /// Looks once what works on this machine, by starting a child in it.
    /// - Throws: ``LocalModelError`` `sandbox_unavailable` where all of it is required and something is missing.
    public static func prepare(_ options: Options, python: URL, scripts: URL) async throws -> Sandbox {
        var sandbox = Sandbox()
        sandbox.passedNames = options.passedNames
        sandbox.workerMemory = options.workerMemory
        if let missing = EnginePaths(python: python, scripts: scripts, models: scripts).missingProgram() {
            if options.mode == .required { throw missing.error }
            // Nothing can be tried. No child can run, and none must run unprepared when the engine is set up later.
            sandbox.isPrepared = false
            return sandbox
        }
        if options.mode == .off {
            sandbox.shortcoming = "ATELIER_SANDBOX is off"
        } else {
            do {
                let whole = try await sandbox.withNamespaces(options, python: python, scripts: scripts)
                let unfiltered = try await whole.probe(python: python, scripts: scripts)
                sandbox = whole
                sandbox.shortcoming = unfiltered
            } catch let error as LocalModelError {
                // The limits and the filter do without.
                let unfiltered = try? await sandbox.probe(python: python, scripts: scripts)
                sandbox.shortcoming = [error.message, unfiltered ?? nil].compactMap { $0 }.joined(separator: "; ")
            }
        }
        if options.mode == .required, let shortcoming = sandbox.shortcoming {
            throw LocalModelError(
                code: .sandboxUnavailable, message: "children cannot be confined: \(shortcoming)",
                hint: "install bubblewrap and allow it user namespaces, or set ATELIER_SANDBOX=auto")
        }
        return sandbox
    }

    private func withNamespaces(_ options: Options, python: URL, scripts: URL) async throws -> Sandbox {
        #if os(Linux)
        guard let bubblewrap = Self.bubblewrapPath() else {
            throw LocalModelError(code: .sandboxUnavailable, message: "bubblewrap (bwrap) is not installed")
        }
        var sandbox = self
        sandbox.bubblewrap = bubblewrap
        sandbox.common = try await view(options, python: python, scripts: scripts)
        sandbox.devices = Self.acceleratorDevices()
        return sandbox
        #else
        throw LocalModelError(code: .sandboxUnavailable, message: "this system has no namespaces")
        #endif
    }

    /// The system's folders, and where Python says that its own files are.
    private func view(_ options: Options, python: URL, scripts: URL) async throws -> SandboxView {
        var view = SandboxView()
        view.add("/usr")
        for path in ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"] where SandboxView.resolved(path) != nil {
            view.addSystem(path)
        }
        for name in ["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "nsswitch.conf"] { view.add("/etc/\(name)") }
        view.add("/sys/devices/system")
        let ours = try await pythonPaths(python, scripts) + [python.path, scripts.path]
        for path in ours { view.add(path) }
        for path in (ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"] ?? "").split(separator: ":") where path.hasPrefix("/") {
            view.add(String(path))
        }
        for url in options.hidden { view.hide(url.path) }
        // Python or the engine may lie in what is hidden.
        for path in ours { view.add(path) }
        return view
    }

    /// Prefixes and module folders, and the links that lead to the interpreter. Compiles the engine on
    /// the way: in the sandbox its folder cannot be written, and each child would compile it for itself.
    private func pythonPaths(_ python: URL, _ scripts: URL) async throws -> [String] {
        struct Done: Decodable { var paths: [String] }
        let code = """
            import compileall, json, os, sys
            compileall.compile_dir(sys.argv[1], maxlevels=2, quiet=2)
            paths = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
            link = sys.executable
            while os.path.islink(link):
                link = os.path.join(os.path.dirname(link), os.readlink(link))
                paths.append(link)
            print(json.dumps({"event": "done", "paths": [path for path in paths + sys.path if os.path.exists(path)]}))
            """
        let command = ChildCommand(
            executable: python.path, arguments: ["-I", "-c", code, scripts.path], confinement: Confinement(), sandbox: self)
        let done = try await EngineScript(command: command, failure: (.engineMissing, "the engine's Python does not run")).run()
        return try JSONDecoder().decode(Done.self, from: done).paths
    }

    /// Starts a child as confined as one can be.
    /// - Returns: why it has no system call filter; nil where it has one.
    private func probe(python: URL, scripts: URL) async throws -> String? {
        struct Done: Decodable { var reason: String? }
        let command = ChildCommand(
            executable: python.path, arguments: [scripts.appending(path: "confine.py").path],
            confinement: .worker(self, reads: [], writes: [], fileBytes: 0), sandbox: self)
        let failure = bubblewrap == nil ? "a confined child does not start" : "bubblewrap does not work here"
        let done = try await EngineScript(command: command, failure: (.sandboxUnavailable, failure)).run()
        return try JSONDecoder().decode(Done.self, from: done).reason.map { "no system call filter: \($0)" }
    }

    private static func bubblewrapPath() -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/bwrap" }.first { $0.hasPrefix("/") && FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static func acceleratorDevices() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev")) ?? []
        return names.filter { $0.hasPrefix("nvidia") || $0 == "kfd" || $0 == "dri" }.sorted().map { "/dev/\($0)" }
    }
}
