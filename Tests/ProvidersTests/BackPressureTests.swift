import Domain
import Foundation
import Providers
import Synchronization
import Testing

@Suite struct BackPressureTests {
    private typealias Bytes = StreamBuffer<[UInt8]>

    private func make(limit: Int = 10) -> (stream: AsyncThrowingStream<[UInt8], any Error>, buffer: Bytes) { Bytes.make(limit: limit) { $0.count } }

    @Test func aProducerWaitsForItsReader() async throws {
        let (stream, buffer) = make()
        let sent = Box<Void>()
        let producer = Task {
            for _ in 0..<100 {
                await buffer.put([1, 2, 3, 4])
                sent.add(())
            }
            buffer.finish()
        }
        #expect(try await eventually { buffer.isFull })
        #expect(sent.values.count == 2, "the third has to wait")
        var read = 0
        for try await piece in stream {
            read += piece.count
            #expect(sent.values.count * 4 <= read + 12)
        }
        #expect(read == 400)
        await producer.value
    }

    @Test func whatWasSentIsReadBeforeTheEndAndTheError() async throws {
        let (stream, buffer) = make()
        for index in 0..<5 { buffer.send([UInt8(index)]) }
        buffer.finish(throwing: ProviderError(.cutStream, provider: "test", message: "cut"))
        buffer.send([9])
        var read: [UInt8] = []
        await #expect(throws: ProviderError.self) { for try await piece in stream { read += piece } }
        #expect(read == [0, 1, 2, 3, 4])
    }

    @Test func aReaderThatLeavesFreesTheProducer() async throws {
        for cancels in [true, false] {
            let (stream, buffer) = make()
            let gone = Box<Void>()
            buffer.onAbandon { gone.add(()) }
            let producer = Task { while gone.values.isEmpty { await buffer.put([1, 2, 3, 4]) } }
            // The stream belongs to its reader alone.
            let reader = Task { [stream] in
                for try await _ in stream where !cancels { return }
            }
            if cancels { reader.cancel() }
            _ = try await reader.value
            _ = consume stream
            await producer.value
            #expect(gone.values.count == 1)
        }
    }

    @Test func aProducerThatIsCancelledDoesNotWait() async throws {
        let (stream, buffer) = make()
        let producer = Task { for _ in 0..<10 { await buffer.put([UInt8](repeating: 1, count: 20)) } }
        #expect(try await eventually { buffer.isFull })
        producer.cancel()
        await producer.value
        buffer.finish()
        var read = 0
        for try await _ in stream { read += 1 }
        #expect(read == 10)
    }

    /// Sends events until the reader stops taking them.
    private final class Flood: Sendable {
        static let event = Array(
            ("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" + String(repeating: "x", count: 200) + "\"}}]}\n\n").utf8)
        static let most = 60 << 20

        let sent = Atomic(0)
        let isHeld = Atomic(false)
        let isDone = Atomic(false)

        func send(_ exchange: borrowing RawServer.Exchange) -> Bool {
            _ = exchange.send(Array("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".utf8))
            let block = Array(repeatElement(Self.event, count: 100).joined())
            while sent.load(ordering: .relaxed) < Self.most {
                if !exchange.send(block, patience: 0.5) {
                    isHeld.store(true, ordering: .relaxed)
                    guard exchange.send([], patience: 60) else { return false }
                    return false
                }
                sent.wrappingAdd(block.count, ordering: .relaxed)
            }
            isDone.store(true, ordering: .relaxed)
            return false
        }
    }

    /// What the kernel's buffers on both sides may hold, and ours.
    private static let mostAhead = 24 << 20

    @Test func aReaderThatStopsHoldsTheVendorUp() async throws {
        let flood = Flood()
        let server = RawServer { flood.send($0) }
        defer { server.stop() }
        let registry = ProviderRegistry.standard()
        let router = Router(registry: registry, retry: .never)
        let request = ChatRequest(model: "m", messages: [ChatMessage(.user, "Hi")], stream: true)
        let route = Route(provider: "custom", model: "m", endpoint: Endpoint(baseURL: server.url))
        let routed = router.chat(request, routes: [route], gate: nil)
        var events = routed.events.makeAsyncIterator()
        #expect(try await events.next() != nil)
        #expect(try await eventually { flood.isHeld.load(ordering: .relaxed) || flood.isDone.load(ordering: .relaxed) })
        #expect(flood.isHeld.load(ordering: .relaxed) && flood.sent.load(ordering: .relaxed) < Self.mostAhead)
        routed.cancel()
    }

    @Test func aLineThatDoesNotEndIsRefusedByEveryDialect() async throws {
        for (id, type) in [("custom", "text/event-stream"), ("anthropic", "text/event-stream"), ("ollama", "application/x-ndjson")] {
            let server = RawServer { exchange in
                _ = exchange.send(Array("HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\nconnection: close\r\n\r\ndata: {\"x\":\"".utf8))
                let piece = [UInt8](repeating: 0x61, count: 1 << 16)
                for _ in 0..<64 where !exchange.send(piece) { return false }
                return false
            }
            defer { server.stop() }
            let provider = try #require(ProviderRegistry.standard()[id])
            let request = ChatRequest(model: "m", messages: [ChatMessage(.user, "Hi")], stream: true)
            await #expect {
                for try await _ in provider.chat(request, at: Endpoint(baseURL: server.url, key: Secret("key-0123456789"))) {}
            } throws: { ($0 as? ProviderError)?.kind == .malformedReply && ($0 as? ProviderError)?.message.contains("1 MiB") == true }
        }
    }

    @Test func theTextOfAStreamIsBounded() async throws {
        let server = RawServer { exchange in
            _ = exchange.send(Array("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".utf8))
            let text = String(repeating: "x", count: 1 << 18)
            let event = Array("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\(text)\"}}]}\n\n".utf8)
            for _ in 0..<80 where !exchange.send(event, patience: 600) { return false }
            return false
        }
        defer { server.stop() }
        let provider = try #require(ProviderRegistry.standard()["custom"])
        let request = ChatRequest(model: "m", messages: [ChatMessage(.user, "Hi")], stream: true)
        var text = 0
        await #expect {
            for try await event in provider.chat(request, at: Endpoint(baseURL: server.url)) { text += event.length }
        } throws: { ($0 as? ProviderError)?.kind == .malformedReply && ($0 as? ProviderError)?.message.contains("16 MiB") == true }
        #expect(text >= HTTPTransport.maximumReply && text < HTTPTransport.maximumReply + (1 << 20))
    }
}
