import Foundation
import Synchronization

/// What a child writes, at most a few MiB ahead of whoever reads it: a child that floods its output has to wait.
final class ChildOutput: Sendable {
    private struct State {
        var chunks: [Data] = []
        var bytes = 0
        var hasEnded = false
        /// Nobody reads any more; what comes is dropped.
        var isDiscarded = false
        /// The reader has had enough: the child is to be ended.
        var isRefused = false
        var reader: CheckedContinuation<Data?, Never>?
        var writer: CheckedContinuation<Void, Never>?
    }

    private static let ahead = 4 << 20
    private let state = Mutex(State())

    /// Hands a chunk over, and waits where the reader is too far behind.
    /// - Returns: false where the reader wants no more.
    func write(_ data: Data) async -> Bool {
        let reader: CheckedContinuation<Data?, Never>? = state.withLock { state in
            guard !state.isDiscarded, !state.isRefused, !data.isEmpty else { return nil }
            if let reader = state.reader {
                state.reader = nil
                return reader
            }
            state.chunks.append(data)
            state.bytes += data.count
            return nil
        }
        reader?.resume(returning: data)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mayGoOn = state.withLock { state in
                    if state.bytes < Self.ahead || state.hasEnded || state.isDiscarded || state.isRefused { return true }
                    state.writer = continuation
                    return false
                }
                if mayGoOn { continuation.resume() }
            }
        } onCancel: {
            finish()
        }
        return state.withLock { !$0.isRefused }
    }

    /// The child has closed it.
    func finish() {
        let (reader, writer) = state.withLock { state in
            state.hasEnded = true
            defer { (state.reader, state.writer) = (nil, nil) }
            return (state.reader, state.writer)
        }
        reader?.resume(returning: nil)
        writer?.resume()
    }

    /// The next chunk, or nil at the end. One reader.
    func next() async -> Data? {
        await withCheckedContinuation { continuation in
            let (chunk, isReady, writer): (Data?, Bool, CheckedContinuation<Void, Never>?) = state.withLock { state in
                if state.isRefused { return (nil, true, nil) }
                if !state.chunks.isEmpty {
                    // Joined: whoever is behind takes all there is.
                    let chunk = state.chunks.count == 1 ? state.chunks[0] : state.chunks.reduce(into: Data(capacity: state.bytes)) { $0.append($1) }
                    state.chunks = []
                    state.bytes = 0
                    defer { state.writer = nil }
                    return (chunk, true, state.writer)
                }
                if state.hasEnded { return (nil, true, nil) }
                state.reader = continuation
                return (nil, false, nil)
            }
            writer?.resume()
            if isReady { continuation.resume(returning: chunk) }
        }
    }

    /// Drops what is still to come.
    func discard() { stop { $0.isDiscarded = true } }

    /// Ends the child, which writes what nobody can take.
    func refuse() { stop { $0.isRefused = true } }

    private func stop(_ change: (inout State) -> Void) {
        let writer = state.withLock { state in
            change(&state)
            state.chunks = []
            state.bytes = 0
            defer { state.writer = nil }
            return state.writer
        }
        writer?.resume()
    }
}

/// Reads lines and exact byte counts from a child's standard output.
struct ByteReader {
    /// No line of the protocol comes near it.
    private static let longestLine = 64 << 20

    private let output: ChildOutput
    private var buffer = Data()
    /// What of the buffer has been given out already.
    private var consumed = 0

    init(_ output: ChildOutput) { self.output = output }

    /// The next line without its newline, or nil at the end. A child that writes no end of a line is ended.
    mutating func line(isolation: isolated (any Actor)? = #isolation) async -> Data? {
        var searched = consumed
        while true {
            if let newline = newline(from: searched) { return take(newline - consumed, dropping: 1) }
            searched = buffer.count
            if buffer.count - consumed > Self.longestLine {
                output.refuse()
                return nil
            }
            let waiting = searched - consumed
            guard await fill() else { return waiting == 0 ? nil : take(waiting, dropping: 0) }
            searched = consumed + waiting
        }
    }

    /// Exactly `count` bytes, or nil when the stream ends before.
    mutating func bytes(_ count: Int, isolation: isolated (any Actor)? = #isolation) async -> Data? {
        while buffer.count - consumed < count { guard await fill() else { return nil } }
        return take(count, dropping: 0)
    }

    private func newline(from start: Int) -> Int? {
        buffer.withUnsafeBytes { bytes in
            guard start < bytes.count, let base = bytes.baseAddress, let found = memchr(base + start, 0x0A, bytes.count - start) else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }

    private mutating func take(_ count: Int, dropping more: Int) -> Data {
        let data = buffer.withUnsafeBytes { Data($0[consumed..<consumed + count]) }
        consumed += count + more
        return data
    }

    private mutating func fill(isolation: isolated (any Actor)? = #isolation) async -> Bool {
        guard let chunk = await output.next() else { return false }
        // Once a chunk, not once a line: what is left is moved to the front.
        if consumed > 0 { buffer = Data(buffer.dropFirst(consumed)) }
        consumed = 0
        buffer.append(chunk)
        return true
    }
}
