import ArgumentParser
import Foundation
import Server

struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a minion of a running server from a template.",
        discussion: """
            The template is a YAML file: minion, type, datasets (by name, or with a type and a path that is uploaded where its content \
            differs), config, and where wanted sweep and gate. docs/releases.md describes it.

            With a gate the release answers only once it has passed. Exit codes: 0 trained, and the gate passed; 1 the template or the \
            arguments are wrong; 2 a job failed or was stopped; 3 the gate was not passed; 4 the server cannot be reached or refuses.
            """)

    @Argument(help: "The template.") var template: String
    @Flag(help: "Follow the jobs to their end.") var wait = false
    @Flag(help: "Also where there is a job of the same minion, settings and data already.") var again = false
    @Option(help: "Promote only if METRIC[@ARM]>=X holds (also >, <=, <); implies --wait.") var gate: String?
    @Option(help: "`best` promotes the best release of a sweep; implies --wait.") var pick: Pick?
    @Option(help: "What the best is best in, METRIC[@ARM].") var metric = "validation_loss"
    @Flag(help: "Print one JSON object instead of progress.") var json = false
    @Option(help: "The server (ATELIER_URL).") var url: String?
    @Option(help: "A session token (ATELIER_SESSION).") var session: String?

    enum Pick: String, ExpressibleByArgument { case best }

    func run() async throws {
        do { try await train() } catch let failure as TrainFailure {
            FileHandle.standardError.write(Data((failure.message + "\n").utf8))
            throw ExitCode(failure.exit.rawValue)
        } catch let problems as TemplateProblems {
            FileHandle.standardError.write(Data("\(problems)\n".utf8))
            throw ExitCode(TrainExit.usage.rawValue)
        }
    }

    private func train() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let token = session ?? environment["ATELIER_SESSION"], !token.isEmpty else {
            throw TrainFailure(exit: .usage, message: "give a session token with --session or in ATELIER_SESSION (POST /api/auth/login makes one)")
        }
        let expression = try gate.map { text in
            guard let expression = GateExpression(text) else {
                throw TrainFailure(exit: .usage, message: "--gate: \"\(text)\" must look like metric>=x")
            }
            return expression
        }
        guard let metric = MetricName(metric) else { throw TrainFailure(exit: .usage, message: "--metric: must look like metric or metric@arm") }
        let template = try TrainTemplate.read(URL(filePath: template))
        let options = TrainRun.Options(
            url: url ?? environment["ATELIER_URL"] ?? "http://127.0.0.1:8080", token: token,
            waits: wait || expression != nil || template.gate != nil || pick != nil, again: again, gate: expression, picksBest: pick == .best,
            metric: metric,
            json: json)
        try await TrainRun(template, options).run()
    }
}
