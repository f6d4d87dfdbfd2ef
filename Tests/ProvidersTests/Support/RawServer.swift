import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A loopback TCP server whose replies are any bytes at all.
final class RawServer: Sendable {
    /// One connection, after the head of a request.
    struct Exchange: ~Copyable {
        let client: Int32
        /// The request's line.
        let line: String

        /// False where the client has gone, or has taken nothing for `patience`.
        func send(_ bytes: [UInt8], patience: Double = 60) -> Bool {
            RawServer.limit(client, SO_SNDTIMEO, patience)
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes { RawServer.write(client, $0) }
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }
    }

    private let listener = LoopbackListener(backlog: 512)
    private let answer: @Sendable (borrowing Exchange) -> Bool

    var url: String { listener.url }

    /// - Parameter answer: writes a reply; true where another request may come on the same connection.
    init(_ answer: @escaping @Sendable (borrowing Exchange) -> Bool) {
        self.answer = answer
        listener.accept { [self] client, _ in serve(client) }
    }

    func stop() { listener.stop() }

    private func serve(_ client: Int32) {
        defer { close(client) }
        while let line = Self.readHead(client) {
            let goesOn = answer(Exchange(client: client, line: line))
            guard goesOn else { break }
            // A client that finds its reply complete sends the next request, or keeps the connection for later.
            Self.limit(client, SO_RCVTIMEO, 0.02)
        }
        // What has been sent must arrive: closing with unread bytes would discard it.
        shutdown(client, Int32(SHUT_WR))
        Self.limit(client, SO_RCVTIMEO, 0.2)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while recv(client, &buffer, buffer.count, 0) > 0 {}
    }

    /// Skips what is left of an earlier request's body.
    private static func readHead(_ client: Int32) -> String? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
            if let start = Data(bytes).range(of: Data("POST ".utf8)) ?? Data(bytes).range(of: Data("GET ".utf8)),
                Data(bytes[start.lowerBound...]).range(of: Data("\r\n\r\n".utf8)) != nil
            {
                return String(decoding: bytes[start.lowerBound...].prefix { $0 != 0x0D }, as: UTF8.self)
            }
            if bytes.count > 1 << 20 { bytes.removeFirst(bytes.count - 4096) }
        }
    }

    fileprivate static func limit(_ client: Int32, _ option: Int32, _ seconds: Double) {
        var time = timeval(tv_sec: .init(seconds), tv_usec: .init((seconds - seconds.rounded(.down)) * 1_000_000))
        setsockopt(client, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    fileprivate static func write(_ client: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        send(client, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    }
}
