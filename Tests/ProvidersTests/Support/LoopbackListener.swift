import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A TCP port on loopback, and a thread that hands every connection over.
struct LoopbackListener: Sendable {
    private let descriptor: Int32
    let port: UInt16

    var url: String { "http://127.0.0.1:\(port)" }

    init(backlog: Int32) {
        #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, backlog) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        precondition(bound, "no loopback socket")
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
    }

    /// Until ``stop()``; each connection on a thread of its own, closed by `serve`. They are numbered in their order, from 0.
    func accept(_ serve: @escaping @Sendable (_ client: Int32, _ number: Int) -> Void) {
        Thread.detachNewThread { [descriptor] in
            for number in 0... {
                #if canImport(Glibc)
                let client = Glibc.accept(descriptor, nil, nil)
                #else
                let client = Darwin.accept(descriptor, nil, nil)
                #endif
                guard client >= 0 else { break }
                Thread.detachNewThread { serve(client, number) }
            }
            close(descriptor)
        }
    }

    func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}
