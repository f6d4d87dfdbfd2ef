import Calls
import Crypto
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// The largest body that a route takes. `openapi.yaml` names it for each route as `x-body-limit`; a test holds the two together.
struct BodyLimit: Sendable, CustomStringConvertible {
    let bytes: Int

    /// Sign-in and passwords: read before anybody has signed in.
    static let account = BodyLimit(bytes: 16 << 10)
    /// The definition of a provider.
    static let definition = BodyLimit(bytes: 256 << 10)
    /// The fields of a row.
    static let fields = BodyLimit(bytes: 1 << 20)
    /// A conversation.
    static let conversation = BodyLimit(bytes: 8 << 20)

    var description: String { bytes >= 1 << 20 ? "\(bytes >> 20) MiB" : "\(bytes >> 10) KiB" }

    var exceeded: APIError {
        APIError(
            status: .contentTooLarge, code: "body_too_large", message: "the body is larger than \(self)",
            details: [.init(hint: "send at most \(bytes) bytes to this route")])
    }
}

extension Request {
    /// The whole body. One that announces more than the limit is refused before it comes.
    /// - Throws: ``APIError`` where it is larger than `limit`.
    func wholeBody(upTo limit: BodyLimit) async throws -> ByteBuffer {
        if announcedBytes > limit.bytes { throw limit.exceeded }
        do { return try await body.collect(upTo: limit.bytes) } catch is NIOTooManyBytesError { throw limit.exceeded }
    }

    /// The body as a file, to be read as it comes. Whoever reads it counts its bytes.
    /// - Parameter digest: what is to know the content when it has been read.
    /// - Throws: ``UploadTooLarge`` where it announces more than `limit` bytes.
    func upload(upTo limit: Int, _ digest: UploadDigest? = nil) throws -> UploadBody {
        if announcedBytes > limit { throw UploadTooLarge(limit: limit) }
        return UploadBody(body: body, digest: digest)
    }

    /// 0 where nothing is announced.
    private var announcedBytes: Int { headers[.contentLength].map { Int($0) ?? .max } ?? 0 }
}

/// The file that a request's body is.
struct UploadBody: AsyncSequence, Sendable {
    typealias Element = ByteBufferView
    fileprivate let body: RequestBody
    fileprivate let digest: UploadDigest?

    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var iterator: RequestBody.AsyncIterator
        fileprivate let digest: UploadDigest?

        mutating func next() async throws -> ByteBufferView? {
            let part = try await iterator.next()
            digest?.add(part)
            return part?.readableBytesView
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(iterator: body.makeAsyncIterator(), digest: digest) }
}

/// What tells one upload's content from another's.
final class UploadDigest: Sendable {
    private let state = Mutex((hash: SHA256(), isWhole: false))

    /// - Parameter part: `nil` behind the last.
    fileprivate func add(_ part: ByteBuffer?) {
        state.withLock { state in
            guard let part else {
                state.isWhole = true
                return
            }
            part.withUnsafeReadableBytes { state.hash.update(bufferPointer: $0) }
        }
    }

    /// In hexadecimal; `nil` where the content has not been read to its end.
    var value: String? { state.withLock { $0.isWhole ? $0.hash.finalize().hex : nil } }
}
