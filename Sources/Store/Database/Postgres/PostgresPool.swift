import Synchronization

/// At most so many sessions; who comes when all are out waits in line.
final class PostgresPool: Sendable {
    private struct State {
        var idle: [PostgresSession] = []
        var made = 0
        var waiting: [(id: UInt64, continuation: CheckedContinuation<PostgresSession, any Error>)] = []
        var nextID: UInt64 = 0
        var isClosed = false
    }

    private let address: PostgresAddress
    private let size: Int
    private let state = Mutex(State())

    init(_ address: PostgresAddress, size: Int) {
        self.address = address
        self.size = size
    }

    /// - Throws: `CancellationError` for a task that was cancelled before its turn came.
    func take() async throws -> PostgresSession {
        try Task.checkCancellation()
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let ready: Result<PostgresSession, any Error>? = state.withLock { state in
                    if state.isClosed { return .failure(DatabaseError.unavailable("the database is closed")) }
                    // The one used last is the likeliest to be connected.
                    if let session = state.idle.popLast() { return .success(session) }
                    if state.made < size {
                        state.made += 1
                        return .success(PostgresSession(address))
                    }
                    // Cancelled between the check and here: nobody would take it off the line any more.
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiting.append((id, continuation))
                    return nil
                }
                if let ready { continuation.resume(with: ready) }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0).continuation }
            }
            waiting?.resume(throwing: CancellationError())
        }
    }

    func giveBack(_ session: PostgresSession) {
        let next = state.withLock { state -> CheckedContinuation<PostgresSession, any Error>? in
            if !state.waiting.isEmpty { return state.waiting.removeFirst().continuation }
            if state.isClosed { state.made -= 1 } else { state.idle.append(session) }
            return nil
        }
        next?.resume(returning: session)
    }

    /// Closes idle sessions now and the others as they come back.
    func close() {
        let waiting = state.withLock { state in
            state.isClosed = true
            state.made -= state.idle.count
            state.idle = []
            defer { state.waiting = [] }
            return state.waiting.map(\.continuation)
        }
        for continuation in waiting { continuation.resume(throwing: DatabaseError.unavailable("the database is closed")) }
    }
}
