import Foundation
import Store
import Synchronization

/// A database that a test can take away and give back, as one whose server is gone is.
public final class InterruptedDatabase: Database {
    private let base: any Database
    private let away = Atomic(false)

    public init(_ base: any Database) { self.base = base }

    public var isAway: Bool {
        get { away.load(ordering: .relaxed) }
        set { away.store(newValue, ordering: .relaxed) }
    }

    private func reach() throws {
        if isAway { throw DatabaseError.unavailable("it is away") }
    }

    public func read<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        try reach()
        return try await base.read(body)
    }

    public func scan<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        try reach()
        return try await base.scan(body)
    }

    @discardableResult
    public func write<T: Sendable>(_ isolation: WriteIsolation, _ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        try reach()
        return try await base.write(isolation, body)
    }

    public func migrate<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T { try await base.migrate(body) }
    public func listen(_ handler: @Sendable @escaping (DatabaseNotice) -> Void) { base.listen(handler) }
    public func scrub() async throws { try await base.scrub() }
    public func close() throws { try base.close() }
}
