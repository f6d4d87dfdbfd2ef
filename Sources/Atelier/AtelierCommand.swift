import ArgumentParser
import Server

@main
struct AtelierCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "atelier", abstract: "A workshop for AI minions: your voice, your knowledge, any model.",
        discussion: """
            First steps: `make demo` trains the sample minion and asks it. On your own: `atelier user create`, `atelier serve`, \
            then the HTTP API (GET /openapi.json describes it).
            """,
        version: AtelierVersion.current,
        subcommands: [
            ServeCommand.self, WorkerCommand.self, DemoCommand.self, AskCommand.self, UserCommand.self, KeysCommand.self, DatasetsCommand.self,
            CollectionsCommand.self, EvalCommand.self, TrainCommand.self,
            BenchCommand.self, VersionCommand.self,
        ])
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")
    func run() { print("atelier \(AtelierVersion.current)") }
}
