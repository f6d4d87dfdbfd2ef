import Foundation
import Logging
import Server
import Testing

@Suite struct SettingsTests {
    private func settings(
        _ flags: [String: String] = [:], environment: [String: String] = [:], environmentFile: String = "/nonexistent"
    ) async throws -> Settings {
        try await Settings.load(flags: flags, environment: environment, environmentFile: environmentFile)
    }

    @Test func whatIsOpenByDefaultIsSoForThisMachineAlone() async throws {
        for host in ["127.0.0.1", "localhost", "::1", "127.0.0.9"] {
            let settings = try await settings(["atelier.host": host])
            #expect(settings.servesThisMachineOnly && settings.reachesPrivateUpstreams && settings.registration == nil, "\(host)")
            let proxied = try await self.settings(["atelier.host": host, "atelier.trusted.proxies": "127.0.0.1, 10.0.0.0/8"])
            #expect(!proxied.servesThisMachineOnly && !proxied.reachesPrivateUpstreams && proxied.listensOnLoopback, "\(host)")
        }
        for host in ["0.0.0.0", "::", "192.168.0.7", "atelier.example.org"] {
            let settings = try await settings(["atelier.host": host])
            #expect(!settings.servesThisMachineOnly && !settings.reachesPrivateUpstreams, "\(host)")
        }
        let named = try await settings(["atelier.trusted.proxies": "127.0.0.1", "atelier.allow.private.upstreams": "true"])
        #expect(named.reachesPrivateUpstreams)
    }

    @Test(
        arguments: [
            ("atelier.trusted.proxies", "10.0.0.1/8"), ("atelier.trusted.proxies", "proxy.example.org"), ("atelier.allowed.hosts", "https://a.b"),
            ("atelier.allowed.hosts", "a.b:80"), ("atelier.metrics.token", "short"), ("atelier.idle.timeout", "0"),
            ("atelier.max.connections", "-1"), ("atelier.registration", "maybe"),
            ("atelier.trusted.proxies", "0.0.0.0/0"), ("atelier.trusted.proxies", "::/0"), ("atelier.trusted.proxies", "127.0.0.1,128.0.0.0/1"),
            ("atelier.trusted.proxies", "::ffff:0.0.0.0/96"), ("atelier.host", "256.1.1.1"), ("atelier.host", "1.2.3"),
            ("atelier.host", "http://localhost"), ("atelier.host", "localhost:80"), ("atelier.host", "[::1]"),
            ("atelier.child.environment", "NCCL_DEBUG,a b"), ("atelier.child.environment", "NCCL_DEBUG=INFO"),
            ("atelier.child.environment", "1ST"), ("atelier.child.environment", "API_KEY_ENCRYPTION_KEY"),
            ("atelier.child.environment", "hf_token"), ("atelier.child.environment", "PGPASSWORD"),
            ("atelier.child.environment", "ATELIER_DATABASE_URL"),
        ])
    func whatCannotBeUsedIsNamed(key: String, value: String) async throws {
        await #expect { try await settings([key: value]) } throws: { ($0 as? SettingsError)?.key == key }
    }

    @Test func whatIsRightIsTaken() async throws {
        for host in ["::1", "0.0.0.0", "::", "atelier.example.org", "localhost", "10.0.0.1"] {
            #expect(try await settings(["atelier.host": host]).host == host)
        }
        let proxies = try await settings(["atelier.trusted.proxies": "10.0.0.0/8,fd00::/8,fc00::/7,172.16.0.0/12,203.0.113.7"]).trustedProxies
        #expect(proxies.count == 5)
        let names = try await settings(["atelier.child.environment": "NCCL_DEBUG, TOKENIZERS_PARALLELISM,KEYBOARD,_x1"]).childEnvironment
        #expect(names == ["NCCL_DEBUG", "TOKENIZERS_PARALLELISM", "KEYBOARD", "_x1"])
    }

    @Test func aSecretInAMistakeIsNotRepeated() async throws {
        await #expect { try await settings(["atelier.child.environment": "OPENAI_API_KEY=sk-very-secret"]) } throws: {
            !"\($0)".contains("very-secret") && "\($0)".contains("OPENAI_API_KEY")
        }
        await #expect { try await settings(environment: ["ATELIER_METRIC_TOKEN": "a very secret token"]) } throws: {
            !"\($0)".contains("very secret") && "\($0)".contains("did you mean ATELIER_METRICS_TOKEN?")
        }
    }

    @Test(arguments: [("ATELIER_PROT", "ATELIER_PORT"), ("ATELIER_DATADIR", "ATELIER_DATA_DIR"), ("Atelier_Port", "ATELIER_PORT")])
    func aSettingThatDoesNotExistIsNamedWithTheOneThatWasMeant(name: String, meant: String) async throws {
        await #expect { try await settings(environment: [name: "1"]) } throws: {
            ($0 as? SettingsError)?.key == name && "\($0)".contains("did you mean \(meant)?")
        }
        let file = FileManager.default.temporaryDirectory.appending(path: "atelier-env-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("# ATELIER_NONE=1\nOTHER=1\n \(name) = 1\nATELIER_EMPTY=\n".utf8).write(to: file)
        await #expect { try await settings(environmentFile: file.path) } throws: { ($0 as? SettingsError)?.key == name }
    }

    @Test func otherNamesAreNobodysMistake() async throws {
        let environment = [
            "ATELIER_TOKEN": "x", "ATELIER_URL": "x", "ATELIER_SESSION": "x", "ATELIER_TEST_RUN": "x", "ATELIER_BENCH_DATA": "x",
            "ATELIER_BINARY": "x",
            "ATELIERS": "x", "ATELIER_EMPTY": "", "ATELIER_HANDED_ON": "x", "ATELIER_CHILD_ENVIRONMENT": "ATELIER_HANDED_ON", "ATELIER_PORT": "81",
        ]
        let settings = try await settings(environment: environment)
        #expect(settings.port == 81 && settings.childEnvironment == ["ATELIER_HANDED_ON"])
    }

    // MARK: what only the start finds

    /// What `atelier serve` says of these settings.
    private func refusal(_ change: (inout Settings) -> Void) async throws -> SettingsError? {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-settings-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var settings = Settings()
        settings.dataDirectory = folder.path
        settings.port = 0
        change(&settings)
        do {
            let app = try await App.build(settings, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try await app.run { _ in Issue.record("it listens") }
            return nil
        } catch let error as SettingsError { return error }
    }

    @Test(arguments: ["", "/below"]) func aDataDirectoryThatIsAFileIsSaid(below: String) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "atelier-file-\(UUID().uuidString)")
        try Data("x".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let said = try #require(try await refusal { $0.dataDirectory = file.path + below })
        #expect(said.key == "atelier.data.dir" && said.message.contains(file.path) && said.message.contains("--data-dir"))
        #expect(!said.description.contains("Domain"))
    }

    @Test(arguments: [("nosuch.invalid", "leads to no address"), ("192.0.2.77", "no address of this machine")])
    func anAddressNobodyCanListenAtIsSaid(host: String, words: String) async throws {
        let said = try #require(try await refusal { $0.host = host })
        #expect(said.key == "atelier.host" && said.message.contains(host) && said.message.contains(words))
    }

    @Test func aSandboxThatIsRequiredIsTriedOrNothingStarts() async throws {
        let python = try #require(try await refusal { ($0.sandbox, $0.python) = (.required, "/nonexistent/python") })
        #expect(python.key == "atelier.python" && python.message.contains("/nonexistent/python"))
        let scripts = try #require(try await refusal { ($0.sandbox, $0.python, $0.engineDirectory) = (.required, "/bin/sh", "/nonexistent") })
        #expect(scripts.key == "atelier.engine.dir" && scripts.message.contains("/nonexistent") && !scripts.message.contains("bubblewrap"))
    }

    @Test func anEngineThatIsNotThereIsNotTakenForASandbox() async throws {
        try await TestServer.run({ ($0.python, $0.engineDirectory) = ("/bin/sh", "/nonexistent") }) { server in
            let root = try await server.person("root", role: .superuser)
            let ready = try await server.send(.get, "/ready", token: root.token)
            #expect((ready.json["engine"] as? String)?.contains("ATELIER_ENGINE_DIR") == true && ready.status == 503)
        }
    }
}
