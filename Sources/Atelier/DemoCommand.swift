import ArgumentParser
import Foundation
import Server

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Train the sample minion, ask it, show every stage, and keep serving.",
        discussion: "Runs through the same HTTP API as everybody else. A second run finds the minion trained and asks it again.")

    @Flag(help: "Leave when done; the exit code is 0 only if everything held.") var exit = false
    @Flag(help: "Train again, also where a release exists.") var retrain = false
    @Option(help: "The folder with voice.jsonl, handbook/ and questions.jsonl.") var samples = "samples"
    @Option(help: "Port to listen on, 0 for a free one (ATELIER_PORT).") var port: Int?
    @OptionGroup var options: SettingsOptions

    func run() async throws {
        CrashReport.shorten()
        var options = options
        options.logLevel = options.logLevel ?? ProcessInfo.processInfo.environment["ATELIER_LOG_LEVEL"] ?? "warning"
        let settings = try await options.settings(["atelier.port": port.map(String.init)])
        let app = try await App.build(settings, logger: makeLogger(settings))
        guard try await Demo(app: app, samples: URL(filePath: samples), retrain: retrain).run(thenServe: !exit) else { throw ExitCode.failure }
    }
}
