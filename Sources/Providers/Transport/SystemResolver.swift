import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The operating system's resolver (`getaddrinfo`). It blocks for as long as name servers are silent, so
/// it has threads of its own: on Linux the global dispatch queue shares its few with Swift's tasks.
enum SystemResolver {
    struct Unresolved: Error {}

    static let addresses: AddressPolicy.Resolver = { host in
        if let literal = AddressText.bytes(host) { return [literal] }
        let answer = Answer()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard answer.await(continuation) else { return }
                threads.submit { state in
                    guard case .active = state, !answer.isOver else { return answer.end(.failure(Unresolved())) }
                    let found = lookUp(host)
                    answer.end(found.isEmpty ? .failure(Unresolved()) : .success(found))
                }
            }
        } onCancel: {
            answer.end(.failure(CancellationError()))
        }
    }

    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 8)
        pool.start()
        return pool
    }()

    /// Whoever comes first ends the wait: the resolver, or the caller who leaves.
    private final class Answer: Sendable {
        private struct State {
            var continuation: CheckedContinuation<[[UInt8]], any Error>?
            var result: Result<[[UInt8]], any Error>?
        }
        private let state = Mutex(State())

        var isOver: Bool { state.withLock { $0.result != nil } }

        /// False where it is over already.
        func await(_ continuation: CheckedContinuation<[[UInt8]], any Error>) -> Bool {
            let result = state.withLock { state in
                if state.result == nil { state.continuation = continuation }
                return state.result
            }
            if let result { continuation.resume(with: result) }
            return result == nil
        }

        func end(_ result: Result<[[UInt8]], any Error>) {
            let continuation = state.withLock { state -> CheckedContinuation<[[UInt8]], any Error>? in
                guard state.result == nil else { return nil }
                state.result = result
                defer { state.continuation = nil }
                return state.continuation
            }
            continuation?.resume(with: result)
        }
    }

    private static func lookUp(_ host: String) -> [[UInt8]] {
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, nil, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [[UInt8]] = []
        for entry in sequence(first: list, next: { $0?.pointee.ai_next }) {
            guard let entry, let address = entry.pointee.ai_addr else { continue }
            let bytes: [UInt8]? =
                switch entry.pointee.ai_family {
                case AF_INET:
                    address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { withUnsafeBytes(of: $0.pointee.sin_addr, Array.init) }
                case AF_INET6:
                    address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { withUnsafeBytes(of: $0.pointee.sin6_addr, Array.init) }
                default: nil
                }
            if let bytes, !found.contains(bytes) { found.append(bytes) }
        }
        return found
    }
}
