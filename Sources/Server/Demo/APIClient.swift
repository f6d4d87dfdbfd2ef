import AsyncHTTPClient
import Domain
import Foundation
import NIOCore
import NIOFoundationCompat
import Providers

/// A reply that was not what was asked for.
public struct ClientError: Error, CustomStringConvertible {
    public var status: Int
    public var message: String
    public var description: String { message }
}

/// Speaks to a running server as any client would: over HTTP, with the documented API.
struct APIClient: Sendable {
    var url: String
    var token: String?
    var client = HTTPClients.plain

    func get(_ path: String) async throws -> JSONValue { try await send("GET", path, body: nil, type: nil) }

    func post(_ path: String, _ body: JSONValue = [:]) async throws -> JSONValue {
        try await send("POST", path, body: .bytes(ByteBuffer(string: body.serialized())), type: "application/json")
    }

    func delete(_ path: String) async throws { _ = try await send("DELETE", path, body: nil, type: nil) }

    func upload(_ path: String, file: URL) async throws -> JSONValue {
        try await send("POST", path, body: .bytes(ByteBuffer(data: Data(contentsOf: file))), type: "application/octet-stream")
    }

    /// Server-sent events with their ids, one call of `body` each, until the stream ends.
    func stream(_ path: String, _ body: (_ event: ServerSentEvent, _ data: JSONValue) async throws -> Void) async throws {
        var request = request("GET", path, body: nil, type: nil)
        request.headers.replaceOrAdd(name: "accept", value: "text/event-stream")
        let response = try await client.execute(request, timeout: .hours(12))
        guard response.status == .ok else { throw Self.error(response.status.code, try await response.body.collect(upTo: 1 << 20)) }
        var parser = ServerSentEventParser()
        for try await buffer in response.body {
            for event in try parser.push(buffer.readableBytesView) {
                guard let data = try? JSONValue(parsing: event.data) else { continue }
                try await body(event, data)
            }
        }
    }

    /// Server-sent events, one call of `body` each, until the stream ends.
    func events(_ method: String, _ path: String, _ json: JSONValue? = nil, _ body: (_ event: String, _ data: JSONValue) async throws -> Void)
        async throws
    {
        var request = request(method, path, body: json.map { .bytes(ByteBuffer(string: $0.serialized())) }, type: "application/json")
        request.headers.replaceOrAdd(name: "accept", value: "text/event-stream")
        let response = try await client.execute(request, timeout: .hours(12))
        guard response.status == .ok else { throw Self.error(response.status.code, try await response.body.collect(upTo: 1 << 20)) }
        var parser = ServerSentEventParser()
        for try await buffer in response.body {
            for event in try parser.push(buffer.readableBytesView) {
                guard let data = try? JSONValue(parsing: event.data) else { continue }
                try await body(event.event ?? "message", data)
            }
        }
    }

    func send(_ method: String, _ path: String, body: HTTPClientRequest.Body?, type: String?) async throws -> JSONValue {
        let response = try await client.execute(request(method, path, body: body, type: type), timeout: .minutes(10))
        let buffer = try await response.body.collect(upTo: 64 << 20)
        guard (200..<300).contains(response.status.code) else { throw Self.error(response.status.code, buffer) }
        return buffer.readableBytes == 0 ? .null : try JSONValue(parsing: buffer)
    }

    private func request(_ method: String, _ path: String, body: HTTPClientRequest.Body?, type: String?) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url + path)
        request.method = .init(rawValue: method)
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body {
            request.headers.add(name: "content-type", value: type ?? "application/json")
            request.body = body
        }
        return request
    }

    private static func error(_ status: UInt, _ buffer: ByteBuffer) -> ClientError {
        let error = (try? JSONValue(parsing: buffer))?["error"]
        let hints = (error?["details"]?.arrayValue ?? []).compactMap { detail -> String? in
            let said = [detail["message"]?.stringValue, detail["hint"]?.stringValue].compactMap { $0 }.joined(separator: ": ")
            guard let field = detail["field"]?.stringValue else { return detail["hint"]?.stringValue ?? detail["message"]?.stringValue }
            return "\(field): \(said)"
        }
        return ClientError(status: Int(status), message: ([error?["message"]?.stringValue ?? "HTTP \(status)"] + hints).joined(separator: "; "))
    }
}

/// Asks one minion over `/v1`, streaming.
public struct MinionClient: Sendable {
    private let api: APIClient

    public init(url: String, token: String) { api = APIClient(url: url, token: token) }

    /// - Throws: ``ClientError`` with the server's own words.
    public func ask(_ question: String, onText: (String) -> Void) async throws {
        let model = try await api.get("/v1/models")["data"]?[0]?["id"]?.stringValue ?? ""
        let body: JSONValue = ["model": .string(model), "stream": true, "messages": [["role": "user", "content": .string(question)]]]
        var finished = false
        try await api.events("POST", "/v1/chat/completions", body) { _, data in
            if data["choices"]?[0]?["finish_reason"]?.stringValue != nil { finished = true }
            if let error = data["error"] { throw ClientError(status: 200, message: error["message"]?.stringValue ?? "the answer broke off") }
            if let text = data["choices"]?[0]?["delta"]?["content"]?.stringValue { onText(text) }
        }
        guard finished else { throw ClientError(status: 200, message: "the answer broke off: the server closed the stream before its end") }
    }
}
