import ArgumentParser
import Foundation
import Server

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the server.",
        discussion: "Prints one line, `listening on http://HOST:PORT`, once requests are accepted. Ctrl-C ends it in order.")

    @Option(help: "Address to listen on (ATELIER_HOST).")
    var host: String?

    @Option(help: "Port to listen on, 0 for a free one (ATELIER_PORT).")
    var port: Int?

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        CrashReport.shorten()
        let settings = try await options.settings(["atelier.host": host, "atelier.port": port.map(String.init)])
        let app = try await App.build(settings, logger: makeLogger(settings))
        try await app.run { port in
            print("listening on http://\(settings.host):\(port)")
            // A parent that waits for the line reads it through a pipe, which is not flushed by itself.
            fflush(nil)
        }
    }
}
