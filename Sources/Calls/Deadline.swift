/// Work that was not done in time.
package struct DeadlineExceeded: Error, CustomStringConvertible {
    var what: String
    var limit: Duration
    package var description: String { "\(what) was not ready after \(limit / .seconds(1)) s" }

    /// Runs `body` and goes on without it when the time is over. It is cancelled then, but not waited for:
    /// what it began and cannot leave (a model being loaded for others, too) ends by itself.
    package static func within<T: Sendable>(_ limit: Duration, _ what: String, _ body: @escaping @Sendable () async throws -> T) async throws -> T {
        let (results, continuation) = AsyncStream<Result<T, any Error>>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let work = Task {
            do { continuation.yield(.success(try await body())) } catch { continuation.yield(.failure(error)) }
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            continuation.yield(.failure(DeadlineExceeded(what: what, limit: limit)))
        }
        defer {
            work.cancel()
            timer.cancel()
        }
        // Ends without a value where the caller is cancelled.
        for await result in results { return try result.get() }
        throw CancellationError()
    }
}
