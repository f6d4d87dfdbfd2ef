import ArgumentParser
import Foundation
import Logging
import Server
import Store

/// Flags every command that touches the data directory shares. A flag wins over the environment,
/// the environment over `.env`.
struct SettingsOptions: ParsableArguments {
    @Option(help: "Folder everything is kept in (ATELIER_DATA_DIR).")
    var dataDir: String?

    @Option(help: "trace, debug, info, notice, warning or error (ATELIER_LOG_LEVEL).")
    var logLevel: String?

    func settings(_ more: [String: String?] = [:]) async throws -> Settings {
        // Whatever this process or a child of it writes is its user's own.
        umask(0o077)
        var flags = more.compactMapValues { $0 }
        flags["atelier.data.dir"] = dataDir
        flags["atelier.log.level"] = logLevel
        do { return try await Settings.load(flags: flags) } catch let error as SettingsError { throw ValidationError(error.description) }
    }
}

/// Runs what an operator's command writes: under the operator's name in the audit log, and also on a full disk.
func asOperator<T>(_ body: () async throws -> T) async rethrows -> T {
    try await AuditActor.$current.withValue(.command) { try await DiskReserve.$isOffered.withValue(true, operation: body) }
}

/// A logger to standard error: standard output is for results.
func makeLogger(_ settings: Settings) -> Logger {
    var logger = Logger(label: "atelier", factory: StreamLogHandler.standardError(label:))
    logger.logLevel = Logger.Level(rawValue: settings.logLevel) ?? .info
    return logger
}
