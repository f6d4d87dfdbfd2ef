import ArgumentParser
import Foundation
import Server

struct AskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ask", abstract: "Ask a minion of a running server.",
        discussion: "The minion is the one its token speaks for: make a token with POST /api/users/{user_id}/minions/{minion_id}/token.")

    @Argument(help: "The question.") var question: String
    @Option(help: "The minion's token (ATELIER_TOKEN).") var token: String?
    @Option(help: "The server (ATELIER_URL).") var url: String?

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let token = token ?? environment["ATELIER_TOKEN"] else {
            throw ValidationError("give the minion's token with --token or in ATELIER_TOKEN")
        }
        let url = url ?? environment["ATELIER_URL"] ?? "http://127.0.0.1:8080"
        do {
            try await MinionClient(url: url, token: token).ask(question) { text in
                print(text, terminator: "")
                fflush(nil)
            }
            print()
        } catch let error as ClientError {
            print("\(error)")
            throw ExitCode.failure
        }
    }
}
