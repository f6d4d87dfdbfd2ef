import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A loopback TCP server that plays recorded bytes: one script a connection, the last one again for
/// every further connection.
final class FakeUpstream: Sendable {
    enum Step: Sendable {
        case send(String)
        /// Nothing more until the client closes.
        case stall
        /// Closes with a TCP reset instead of an orderly end.
        case reset
        /// Reads the next request on the same connection.
        case nextRequest
    }

    struct Recorded: Sendable {
        var method: String
        var path: String
        var headers: [String: String]
        var body: String
    }

    private struct State {
        var requests: [Recorded] = []
        var connections = 0
        var clientsGone = 0
    }

    private let listener = LoopbackListener(backlog: 64)
    private let scripts: [[Step]]
    private let state = Mutex(State())

    var url: String { listener.url }
    var requests: [Recorded] { state.withLock { $0.requests } }
    var connections: Int { state.withLock { $0.connections } }
    /// Connections that the client closed while the script stalled.
    var clientsGone: Int { state.withLock { $0.clientsGone } }

    init(_ scripts: [Step]...) {
        self.scripts = scripts
        listener.accept { [self] client, number in
            state.withLock { $0.connections += 1 }
            play(scripts[min(number, scripts.count - 1)], on: client)
        }
    }

    func stop() { listener.stop() }

    /// Waits until `condition` holds; minutes, since other tests may have the processor.
    func wait(until condition: @Sendable (FakeUpstream) -> Bool) async throws -> Bool {
        for _ in 0..<30_000 {
            if condition(self) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    private func play(_ script: [Step], on client: Int32) {
        defer { close(client) }
        guard readRequest(client) else { return }
        // What follows each other goes in one piece: a client that had read the head alone would lose the rest to a reset.
        var waiting: [UInt8] = []
        func flush() -> Bool {
            defer { waiting = [] }
            var sent = 0
            while sent < waiting.count {
                let count = waiting[sent...].withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }
        defer { _ = flush() }
        for step in script {
            if case .send(let text) = step {
                waiting += text.utf8
                continue
            }
            guard flush() else { return }
            switch step {
            case .send: break
            case .stall:
                var byte: UInt8 = 0
                while recv(client, &byte, 1, 0) > 0 {}
                state.withLock { $0.clientsGone += 1 }
            case .reset:
                // Time for the bytes before it to be read: a reset discards what waits in the buffer.
                usleep(500_000)
                var linger = linger(l_onoff: 1, l_linger: 0)
                setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
                return
            case .nextRequest:
                guard readRequest(client) else { return }
            }
        }
    }

    private func readRequest(_ client: Int32) -> Bool {
        var bytes: [UInt8] = []
        var head: (text: String, end: Int)?
        var length = 0
        while head == nil || bytes.count < head!.end + length {
            var buffer = [UInt8](repeating: 0, count: 16384)
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { return false }
            bytes += buffer[..<count]
            if head == nil, let end = Data(bytes).range(of: Data("\r\n\r\n".utf8)) {
                let text = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
                head = (text, end.upperBound)
                length = Int(Self.headers(text)["content-length"] ?? "") ?? 0
            }
        }
        let words = head!.text.prefix { $0 != "\r\n" }.split(separator: " ").map(String.init)
        let recorded = Recorded(
            method: words[0], path: words[1], headers: Self.headers(head!.text), body: String(decoding: bytes[head!.end...], as: UTF8.self))
        state.withLock { $0.requests.append(recorded) }
        return true
    }

    private static func headers(_ head: String) -> [String: String] {
        var headers: [String: String] = [:]
        for line in head.components(separatedBy: "\r\n").dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return headers
    }
}

extension FakeUpstream.Step {
    /// A reply's head; the body ends where the connection does.
    static func head(_ status: Int = 200, _ type: String = "application/json", _ headers: [String: String] = [:]) -> Self {
        let fields = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
        return .send("HTTP/1.1 \(status) X\r\ncontent-type: \(type)\r\nconnection: close\r\n\(fields)\r\n")
    }

    /// A head that announces chunks, so that an early end is an error of the transport.
    static func chunkedHead(_ type: String) -> Self {
        .send("HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\ntransfer-encoding: chunked\r\n\r\n")
    }

    static func chunk(_ text: String) -> Self { .send("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n") }
}
