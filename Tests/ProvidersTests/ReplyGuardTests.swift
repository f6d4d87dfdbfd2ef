import AsyncHTTPClient
import Domain
import Foundation
import Providers
import TestSupport
import Testing

/// What a hostile server may answer. The client's own state machine ends the process on some of it.
@Suite struct ReplyGuardTests {
    /// What each way of asking makes of one reply.
    private func failures(_ reply: String) async throws -> [ProviderError?] {
        let server = RawServer {
            _ = $0.send(Array(reply.utf8))
            return false
        }
        defer { server.stop() }
        let transport = HTTPTransport()
        let request = UpstreamRequest(.post, server.url + "/x", body: ["a": 1])
        func failure(_ body: () async throws -> Void) async -> ProviderError? {
            do {
                try await body()
                return nil
            } catch { return error as? ProviderError ?? ProviderError(.serverError, provider: "test", message: "\(error)") }
        }
        return [
            await failure {
                _ = try await transport.json(request, provider: "test", key: nil, timeout: .seconds(60)) {
                    ProviderError(.serverError, provider: "test", status: $0.status, message: $0.text)
                }
            },
            await failure { for try await _ in try await transport.open(request, provider: "test", timeout: .seconds(60)).body {} },
            await failure { _ = try await transport.status(request, provider: "test", timeout: .seconds(60)) },
        ]
    }

    @Test(arguments: ["000", "001", "042", "099", "600", "999"])
    func aStatusThatIsNoneIsAMalformedReply(status: String) async throws {
        for failure in try await failures("HTTP/1.1 \(status) X\r\ncontent-length: 2\r\n\r\n{}") {
            #expect(failure?.kind == .malformedReply && failure?.message.contains("status \(Int(status)!)") == true)
        }
    }

    @Test func itIsOneWithoutABodyAndWithChunksToo() async throws {
        for rest in ["\r\n", "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "connection: close\r\n\r\n{}", "content-length: 0\r\n\r\n"] {
            for failure in try await failures("HTTP/1.1 000 X\r\n\(rest)") { #expect(failure?.kind == .malformedReply) }
        }
    }

    @Test func protocolsAreNotSwitchedUnasked() async throws {
        for failure in try await failures("HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nabc") {
            #expect(failure?.kind == .malformedReply && failure?.message.contains("101") == true)
        }
    }

    @Test func interimRepliesAreBounded() async throws {
        let interim = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
        let reply = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
        for failure in try await failures(String(repeating: interim, count: 16) + reply) { #expect(failure == nil) }
        for failure in try await failures(String(repeating: interim, count: 17) + reply) { #expect(failure?.kind == .malformedReply) }
    }

    /// A connection that was closed behind such a reply was reported as free when it was gone, which ended the process.
    @Test func aReplyMayComeBeforeTheRequestIsSentAndCloseTheConnection() async throws {
        let server = RawServer { exchange in
            _ = exchange.send(Array("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".utf8))
            return false
        }
        defer { server.stop() }
        let transport = HTTPTransport()
        for _ in 0..<20 {
            let request = UpstreamRequest(.post, server.url + "/x", body: Self.large)
            // Read in time or cut by the server's end of the connection.
            do { #expect(try await transport.status(request, provider: "test", timeout: .seconds(60)) == 200) } catch let error as ProviderError {
                #expect(error.kind == .connection || error.kind == .cutStream)
            }
        }
    }

    @Test func redirectsAreNotFollowedByAnyClient() async throws {
        let asked = Box<String>()
        let server = RawServer { exchange in
            let line = exchange.line
            asked.add(line)
            _ = exchange.send(Array("HTTP/1.1 307 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".utf8))
            return false
        }
        defer { server.stop() }
        let request = try HTTPClient.Request(url: server.url + "/first")
        #expect(try await HTTPClients.plain.reply(to: request, upTo: 1024, within: .seconds(60)).status == .temporaryRedirect)
        #expect(asked.values.count == 1)
    }

    /// A client made elsewhere would read replies unguarded, follow redirects, and speak HTTP/2.
    @Test func clientsAreMadeInOnePlace() throws {
        let sources = Document.root.appending(path: "Sources")
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var read = 0
        for case let file as URL in files where file.pathExtension == "swift" && file.lastPathComponent != "HTTPClients.swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            read += 1
            for word in ["HTTPClient(", "HTTPClient.shared", "HTTPClient = .shared", "HTTPClient.Configuration("] {
                #expect(!text.contains(word), "\(file.lastPathComponent) has \(word)")
            }
        }
        #expect(read > 100)
    }

    /// Replies that are broken in every way that is thought of here: every call ends, and the process goes on.
    ///
    /// Some thousand at each run; `ATELIER_FUZZ_REPLIES=100000` makes as many.
    @Test func noReplyEndsTheProcess() async throws {
        let count = ProcessInfo.processInfo.environment["ATELIER_FUZZ_REPLIES"].flatMap(Int.init) ?? 3000
        let server = RawServer { exchange in
            let number = exchange.line.split(separator: "/").dropFirst().first.flatMap { UInt64($0.prefix { $0.isNumber }) } ?? 0
            var reply = HostileReply(seed: number)
            for piece in reply.pieces() where !exchange.send(piece) { return false }
            return reply.keepsOpen
        }
        defer { server.stop() }
        let url = server.url
        let outcomes = Box<String>()
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<16 {
                group.addTask {
                    for number in stride(from: worker, to: count, by: 16) {
                        outcomes.add(await Self.call("\(url)/\(number)", number))
                    }
                }
            }
        }
        let counted = Dictionary(outcomes.values.map { ($0, 1) }, uniquingKeysWith: +)
        #expect(outcomes.values.count == count)
        // The generator reaches the good, the bad and the malformed.
        #expect(counted["ok", default: 0] > count / 100 && counted["connection", default: 0] > count / 100, "\(counted)")
        #expect(counted["malformed_reply", default: 0] > count / 1000, "\(counted)")
    }

    private static let large = JSONValue.string(String(repeating: "x", count: 600_000))

    private static func call(_ url: String, _ number: Int) async -> String {
        let transport = HTTPTransport()
        let request = UpstreamRequest(.post, url, body: number % 20 == 0 ? large : ["a": 1])
        do {
            switch number % 4 {
            case 0:
                _ = try await transport.json(request, provider: "test", key: nil, timeout: .seconds(120)) {
                    ProviderError(.serverError, provider: "test", message: $0.sentence)
                }
            case 1: for try await _ in try await transport.open(request, provider: "test", timeout: .seconds(120)).body {}
            case 2: _ = try await transport.status(request, provider: "test", timeout: .seconds(120))
            default: _ = try await HTTPClients.plain.reply(to: .init(url: url), upTo: 1 << 20, within: .seconds(120))
            }
            return "ok"
        } catch { return (error as? ProviderError)?.kind.rawValue ?? "error" }
    }
}

/// A reply of the sort that a fuzzer makes: mostly grammatical, wrong in a few places, the same for the same seed.
private struct HostileReply {
    private var random: SeededGenerator
    private(set) var keepsOpen = false

    init(seed: UInt64) { random = SeededGenerator(seed: seed &* 0x9E37_79B9 &+ 7) }

    /// The bytes, in pieces that are sent one by one.
    mutating func pieces() -> [[UInt8]] {
        keepsOpen = one(in: 3)
        var bytes: [UInt8] = []
        for _ in 0..<(one(in: 8) ? number(1...20) : 0) { bytes += Array("HTTP/1.1 \(number(100...199)) Interim\r\nx: y\r\n\r\n".utf8) }
        if one(in: 30) { bytes += Array(repeating: pick([0x0D, 0x0A, 0x00, 0x20]), count: number(1...3000)) }
        bytes += reply()
        if one(in: 6) { bytes += reply() }
        if one(in: 12) { bytes += (0..<number(1...40)).map { _ in UInt8.random(in: 0...255, using: &random) } }
        if one(in: 3) { mutate(&bytes) }
        var pieces: [[UInt8]] = []
        while !bytes.isEmpty {
            let length = one(in: 2) ? bytes.count : min(bytes.count, number(1...max(1, bytes.count / 2)))
            pieces.append(Array(bytes[..<length]))
            bytes.removeFirst(length)
            if pieces.count == 12 { break }
        }
        return pieces + (bytes.isEmpty ? [] : [bytes])
    }

    private mutating func reply() -> [UInt8] {
        let version = one(in: 8) ? pick(["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "http/1.1", "ICY", "HTTP/1.", "HTTP/11.1", ""]) : "HTTP/1.1"
        var status = pick(["200", "200", "200", "204", "304", "301", "400", "429", "500"])
        if one(in: 4) { status = pick(["000", "001", "099", "100", "101", "199", "600", "999", "1000", "-01", "2x0", "20", "", "0x1", "٢٠٠"]) }
        if one(in: 10) { status = String(format: "%03d", number(0...999)) }
        let body = self.body()
        var text = "\(version)\(one(in: 40) ? "  " : " ")\(status)\(one(in: 6) ? "" : pick([" OK", " ", " \u{1}\u{0}", " äöü", "\t"]))\(end())"
        var headers: [String] = []
        if body.isChunked { headers.append(pick(["transfer-encoding: chunked", "Transfer-Encoding: Chunked", "transfer-encoding: gzip, chunked"])) }
        if !body.isChunked, !one(in: 5) { headers.append("content-length: \(body.bytes.count)") }
        for _ in 0..<(one(in: 2) ? number(0...4) : 0) { headers.append(pick(Self.headers)) }
        if one(in: 60) { headers += (0..<number(200...400)).map { "x-\($0): y" } }
        if one(in: 100) { headers.append("x-long: " + String(repeating: "z", count: number(60_000...120_000))) }
        headers.shuffle(using: &random)
        for header in headers { text += header + end() }
        return Array((text + end()).utf8) + body.bytes
    }

    private static let headers = [
        "content-length: -1", "content-length: 0", "content-length: 5, 5", "content-length: 99999999999999999999",
        "content-length: 9223372036854775807",
        "content-length: 18446744073709551615", "content-length: 0x10", "content-length:", "content-length: 3", "transfer-encoding: chunked",
        "transfer-encoding: identity", "transfer-encoding: chunked, chunked", "transfer-encoding:", "connection: close", "connection: keep-alive",
        "connection: upgrade", "upgrade: h2c", "trailer: x", "content-encoding: gzip", "content-type: application/json", "x: a\r\n b", "x:", ": x",
        "x",
        " x: y", "x\u{0}y: z", "x: \u{0}", "x: \u{7F}", "set-cookie: a=b", "location: /", "keep-alive: timeout=-1", "x: ü", "proxy-connection: close",
    ]

    private mutating func body() -> (bytes: [UInt8], isChunked: Bool) {
        let content = pick(["{}", "", "[1,2]", "data: {}\n\n", String(repeating: "a", count: number(0...5000)), "\u{0}\u{1}"])
        guard one(in: 2) else { return (Array(content.utf8), false) }
        var text = ""
        for _ in 0..<number(0...4) {
            let size =
                one(in: 8)
                ? pick(["ffffffffffffffff", "8000000000000000", "7fffffffffffffff", "-1", "", "g", "0x2", "00000000000002", " 2", "2 "])
                : String(content.utf8.count, radix: 16)
            text +=
                size + (one(in: 6) ? pick([";ext=1", ";", ";a=\"b\r\nc\"", "; " + String(repeating: "e", count: 3000)]) : "") + end() + content
                + end()
        }
        if !one(in: 6) { text += "0" + end() }
        if one(in: 4) { text += pick(["x: y", "x:", "x", ":", "content-length: 5", "transfer-encoding: chunked", "x\u{0}: y", " x"]) + end() }
        return (Array((text + end()).utf8), true)
    }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        for _ in 0..<number(1...4) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            switch number(0...4) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: at)
            case 2: bytes.insert(pick([0x00, 0x0A, 0x0D, 0x20, 0x3A, 0x30, 0xFF]), at: at)
            case 3: bytes.removeSubrange(at...)
            default: bytes.insert(contentsOf: Array(bytes[at...].prefix(200)), at: at)
            }
        }
    }

    private mutating func end() -> String { one(in: 40) ? pick(["\n", "\r", "\r\r\n", ""]) : "\r\n" }
    private mutating func one(in count: Int) -> Bool { Int.random(in: 0..<count, using: &random) == 0 }
    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    private mutating func pick<T>(_ choices: [T]) -> T { choices.randomElement(using: &random)! }
}
