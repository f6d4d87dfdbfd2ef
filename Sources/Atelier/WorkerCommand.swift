import ArgumentParser
import Foundation
import Server

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Run training jobs without serving requests.",
        discussion: """
            Any number may run beside a server: on its machine, or on others that reach the same database (ATELIER_DATABASE_URL) and the same \
            data directory. Prints one line, `worker NAME is ready`. Ctrl-C ends it in order: its jobs go back in line, and others go on with them.
            """)

    @Option(help: "Jobs at once on this machine, all its workers together (ATELIER_WORKER_JOBS).")
    var jobs: Int?

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        CrashReport.shorten()
        let settings = try await options.settings(["atelier.worker.jobs": jobs.map(String.init)])
        let app = try await App.build(settings, role: .worker, logger: makeLogger(settings))
        try await app.runWorker { name in
            print("worker \(name) is ready")
            fflush(nil)
        }
    }
}
