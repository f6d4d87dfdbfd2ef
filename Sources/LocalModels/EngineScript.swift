import Foundation

/// A script of the engine that does one thing and ends, saying as its last line `{"event":"done",…}`, or
/// `{"event":"error","code","message","hint"}` with exit status 1.
struct EngineScript: Sendable {
    let command: ChildCommand
    /// Code and beginning of the message where the script ends without a word of its own.
    let failure: (code: String, message: String)

    /// Runs it to its end; cancelling the task ends it.
    /// - Parameter input: written to its standard input.
    /// - Returns: the `done` line.
    /// - Throws: ``LocalModelError`` with the script's own code, message and hint; `CancellationError`.
    @discardableResult
    func run(input: Data = Data()) async throws -> Data {
        struct Line: Decodable {
            var event: String
            var code: String?
            var message: String?
            var hint: String?
        }
        let child = Child(command)
        if !input.isEmpty { child.write(input) }
        let (done, error) = await withTaskCancellationHandler {
            var reader = ByteReader(child.output)
            var (done, error): (Data?, Line?)
            while let line = await reader.line() {
                guard let said = try? JSONDecoder().decode(Line.self, from: line) else { continue }
                if said.event == "done" { done = line }
                if said.event == "error" { error = said }
            }
            return (done, error)
        } onCancel: {
            Task { await child.stop() }
        }
        let exit = await child.exit
        try Task.checkCancellation()
        if let done, exit.status == 0 { return done }
        throw LocalModelError(
            code: error?.code ?? failure.code, message: error?.message ?? "\(failure.message): \(exit.lastErrorLine)", hint: error?.hint)
    }
}
