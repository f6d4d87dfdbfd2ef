import Calls
import Domain
import Files
import Foundation
import HTTPTypes
import Hummingbird
import Knowledge
import LocalModels
import Providers
import Releases
import Store
import Training

/// What the API says of a failure. Every domain error is translated here and nowhere else.
struct APIError: Error {
    var status: HTTPResponse.Status
    var code: String
    var message: String
    var details: [Detail] = []
    var retryAfter: Int?
    /// Of the reply, beside those above.
    var headers: [(String, String)] = []
    /// The limit that was reached.
    var limit: LimitName?

    struct Detail: Encodable {
        var field: String?
        var line: Int?
        var code: String?
        var message: String?
        var hint: String?
        /// Of a limit: whose it is, how much it is, how much of it is used, and when it begins anew.
        var scope: LimitExceeded.Scope?
        var limit: Double?
        var used: Double?
        var resetsAt: Date?

        /// Without what is too long to be told: names and excerpts of a request, a vendor's words.
        fileprivate var shortened: Detail {
            var detail = self
            detail.field = field?.shortened(to: APIError.maxField)
            detail.message = message?.shortened(to: APIError.maxMessage)
            detail.hint = hint?.shortened(to: APIError.maxMessage)
            return detail
        }
    }

    /// The most details of one error, and the most characters of a field's name and of a text in it.
    static let maxDetails = 101
    static let maxField = 200
    static let maxMessage = 2000

    static let unauthenticated = APIError(
        status: .unauthorized, code: "unauthenticated", message: "sign in first: send Authorization: Bearer with a session token")

    static func notFound(_ what: String) -> APIError { APIError(status: .notFound, code: "not_found", message: "\(what) not found") }

    /// - Parameter unlisted: how many more there are than are told.
    static func invalid(_ details: [Detail], unlisted: Int = 0) -> APIError {
        let rest = Detail(code: "more", message: "\(unlisted) more are not listed", hint: "mend the listed ones first")
        return APIError(
            status: .unprocessableContent, code: "invalid_request",
            message: details.count == 1 && unlisted == 0
                ? "\(details[0].field.map { "\($0.shortened(to: maxField)): " } ?? "")\(details[0].message ?? "invalid")"
                : "\(details.count + unlisted) fields are not valid",
            details: unlisted > 0 ? details + [rest] : details)
    }

    static func badRequest(_ message: String, code: String = "invalid_request", hint: String? = nil) -> APIError {
        APIError(status: .badRequest, code: code, message: message, details: hint.map { [Detail(hint: $0)] } ?? [])
    }

    /// Translates whatever was thrown. An error nobody foresaw tells nothing of itself outside.
    init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case _ where DiskFull.isCause(of: error):
            self.init(
                status: .init(code: 507, reasonPhrase: "Insufficient Storage"), code: DiskFull.code,
                message: "the server's disk is full: nothing was changed",
                details: [Detail(hint: "delete what is no longer needed, or ask the operator for room; then send the request again")])
        case StoreError.notFound(let what): self = .notFound(what)
        case StoreError.conflict(let field, let message):
            self.init(status: .conflict, code: "conflict", message: message, details: [Detail(field: field, message: message)])
        case StoreError.invalidState(let message): self.init(status: .conflict, code: "invalid_state", message: message)
        case let error as UnreadableRow:
            self.init(
                status: .internalServerError, code: "row_unreadable", message: "\(error.id) cannot be read from the database: its \(error)",
                details: [
                    Detail(
                        field: error.column, code: error.id, message: error.problem,
                        hint: "write it anew with PUT, or delete it; what cannot be written so is for the operator, whose log names the row, too")
                ])
        case is SessionEnded:
            self.init(status: .unauthorized, code: "session_ended", message: "your session has ended: sign in again")
        case let error as DuplicateJob:
            self.init(
                status: .conflict, code: "duplicate_job",
                message: "job \"\(error.name)\" (\(error.id), \(error.status)) has the same minion, type, settings and data",
                details: [Detail(field: "job_id", code: error.id, hint: "use that job, or send \"allow_duplicate\": true")])
        case DatabaseError.foreignKeyViolation: self = .notFound("user")
        case DatabaseError.unavailable:
            self.init(
                status: .serviceUnavailable, code: "database_unavailable", message: "the database cannot be used now; nothing was changed",
                details: [Detail(hint: "try again in a few seconds")], retryAfter: 2)
        case DatabaseError.unknownOutcome:
            self.init(
                status: .serviceUnavailable, code: "outcome_unknown",
                message: "the connection to the database broke while the change was being saved: it may or may not be kept",
                details: [Detail(hint: "look whether it is there before you send it again")])
        case let error as DatasetRefused:
            let more = error.count - error.problems.count
            self.init(
                status: .unprocessableContent, code: "dataset_invalid", message: error.message,
                details: error.problems.map { Detail(field: $0.field, line: $0.line, code: $0.code, message: $0.message, hint: $0.hint) }
                    + (more > 0 ? [Detail(code: "more", message: "\(more) more are not listed")] : []))
        case let error as UploadTooLarge:
            self.init(
                status: .contentTooLarge, code: "upload_too_large", message: "the file is larger than \(error.limit >> 20) MiB",
                details: [Detail(hint: "split it, or ask the operator to raise ATELIER_MAX_UPLOAD_MB")])
        case let error as ReleaseArchiveError:
            self.init(
                status: error.isOurs ? .conflict : .unprocessableContent, code: error.code, message: error.message,
                details: [Detail(hint: error.hint)])
        case let error as LimitExceeded: self.init(error)
        case let error as FairGate.Full:
            self.init(
                status: .tooManyRequests, code: "limit_exceeded", message: error.description,
                details: [
                    Detail(
                        field: error.name, code: "limit_exceeded", hint: "wait until some of them are done", scope: .user, limit: Double(error.limit),
                        used: Double(error.waiting))
                ], retryAfter: 5)
        case let error as RouterError: self.init(error.last, attempts: error.attempts)
        case let error as ProviderError: self.init(error, attempts: [])
        case let error as KnowledgeError:
            self.init(status: .internalServerError, code: error.code, message: error.message, details: [Detail(hint: error.hint)])
        case let error as LocalModelError where error.code.isTheRequests:
            self.init(
                status: .unprocessableContent, code: error.code.rawValue, message: error.message, details: error.hint.map { [Detail(hint: $0)] } ?? []
            )
        case let error as LocalModelError:
            self.init(
                status: .serviceUnavailable, code: error.code.rawValue, message: error.message, details: error.hint.map { [Detail(hint: $0)] } ?? [])
        case RequestBodyError.tooSlow: self = .bodyTooSlow
        case RequestBodyError.cut: self = .bodyCut
        case let error as HTTPError:
            self.init(
                status: error.status, code: error.status == .contentTooLarge ? "body_too_large" : "http_\(error.status.code)",
                message: error.body ?? error.status.reasonPhrase)
        default: self.init(status: .internalServerError, code: "internal", message: "something went wrong here; the server's log says what")
        }
    }

    /// As the two vendors' endpoints tell it: there the request is the caller's own, so a vendor that
    /// refuses it has found the caller's mistake, and asking again will not help.
    init(gateway error: any Error) {
        self.init(error)
        let kind = (error as? RouterError)?.last.kind ?? (error as? ProviderError)?.kind
        if kind == .invalidRequest || kind == .unsupported { status = .badRequest }
    }

    init(_ error: ProviderError, attempts: [Attempt]) {
        let status: HTTPResponse.Status
        let hint: String?
        switch error.kind {
        // Refused here, before anybody was asked: what the user has stored cannot be used.
        case .invalidRequest where error.status == nil, .unsupported where error.status == nil, .permission where error.status == nil:
            (status, hint) = (.conflict, "correct the provider or the base_url, on the minion or on the provider's key")
        case .noKey: (status, hint) = (.conflict, "store a key for \(error.provider), or choose another provider for the minion")
        case .authentication:
            (status, hint) = (
                .badGateway, "\(error.provider) refused the stored key: replace it with PUT /api/users/{user_id}/providers/\(error.provider)"
            )
        case .billing, .permission: (status, hint) = (.badGateway, "look at the account with \(error.provider)")
        case .invalidRequest: (status, hint) = (.badGateway, "\(error.provider) refused the request: check the minion's model and settings")
        case .notFound: (status, hint) = (.badGateway, "\(error.provider) does not know the model: check the minion's model_id")
        case .budget:
            (status, hint) = (.tooManyRequests, "wait, raise the limit, or add a fallback to the minion: see GET /api/users/{user_id}/limits")
        case .rateLimited: (status, hint) = (.tooManyRequests, "wait, or add a fallback to the minion")
        case .overloaded where error.retryAfter != nil: (status, hint) = (.serviceUnavailable, "wait, or add a fallback to the minion")
        case .overloaded, .connection, .serverError, .cutStream, .malformedReply:
            (status, hint) = (.badGateway, "try again, or add a fallback to the minion")
        case .abortedReply:
            (status, hint) = (.badGateway, "ask in other words, or add a fallback to the minion: the model began and did not end its reply")
        case .timeout: (status, hint) = (.gatewayTimeout, "try again, or add a fallback to the minion")
        case .unsupported: (status, hint) = (.badGateway, nil)
        case .circuitOpen:
            (status, hint) = (.serviceUnavailable, "\(error.provider) has failed again and again: wait, or add a fallback to the minion")
        case .busy where error.provider == "local": (status, hint) = (.tooManyRequests, "wait until requests of yours that are under way have ended")
        case .busy: (status, hint) = (.tooManyRequests, "wait, add a key for \(error.provider), or raise the key's max_concurrent")
        }
        let wait: Double? =
            switch error.kind {
            case .rateLimited, .circuitOpen, .busy: error.retryAfter ?? 1
            case .overloaded, .serverError, .budget: error.retryAfter
            default: nil
            }
        let seconds = wait.map { Int(max(1, min($0, RetryAfter.longest)).rounded(.up)) }
        // Inside a stream there is no header to say so.
        let asked = [.rateLimited, .overloaded].contains(error.kind) && error.retryAfter != nil ? seconds : nil
        self.init(
            status: status, code: "provider_\(error.kind.rawValue)",
            message: error.description + (asked.map { " (it asks to wait \($0) s)" } ?? ""),
            details: [Detail(hint: hint)]
                + attempts.map { Detail(code: $0.outcome, message: "\($0.provider)/\($0.model): \($0.message ?? $0.outcome)") },
            retryAfter: seconds)
    }

    /// Trap 9: our own refusal always says when to come back, even where waiting alone will not help.
    init(_ error: LimitExceeded) {
        let hint: String? =
            switch error.what {
            case .storageBytes: "delete datasets, collections or minions that are no longer needed, or ask the operator for more"
            case .concurrentRequests, .requestsPerMinute, .tokensPerMinute: nil
            case .minions, .datasets, .webhooks, .providerKeys, .providerDefinitions, .trainingJobs:
                "delete some that are no longer needed, or ask the operator to raise the limit"
            case .eventStreams: "close streams that nobody reads any more, or ask the operator to raise the limit"
            default: "GET /api/users/{user_id}/limits shows what is used and when it begins anew"
            }
        self.init(
            status: .tooManyRequests, code: "limit_exceeded", message: error.description,
            details: [
                Detail(
                    field: error.what.rawValue, code: error.isUnpriced ? "price_unknown" : "limit_exceeded", hint: hint, scope: error.scope,
                    limit: error.limit, used: error.used, resetsAt: error.resetsAt)
            ], retryAfter: Self.seconds(error.retryAfter ?? 60))
        headers = error.headers
        limit = error.what
    }

    private static func seconds(_ wait: Double?) -> Int { max(1, Int(min(wait ?? 1, 1e9).rounded(.up))) }

    init(status: HTTPResponse.Status, code: String, message: String, details: [Detail] = [], retryAfter: Int? = nil) {
        self.status = status
        self.code = code
        self.message = message.shortened(to: Self.maxMessage)
        self.details = details.prefix(Self.maxDetails).map(\.shortened)
        self.retryAfter = retryAfter
    }

    private struct Body: Encodable {
        struct Inner: Encodable {
            var code: String
            var message: String
            var details: [Detail]
        }
        var error: Inner
    }

    /// The error's JSON.
    var body: Data { (try? JSONEncoder.api.encode(Body(error: .init(code: code, message: message, details: details)))) ?? Data() }

    func response() -> Response {
        var response = Response.json(data: body, status: status)
        if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
        return response.adding(headers)
    }
}

extension String {
    /// The text, cut where it is longer. Counted in scalars: a single character may be a text of its own.
    func shortened(to length: Int) -> String {
        utf8.count <= length || unicodeScalars.count <= length ? self : String(unicodeScalars.prefix(length)) + "…"
    }
}

extension Response {
    /// A JSON reply in the API's form.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        do { return json(data: try JSONEncoder.api.encode(value), status: status) } catch { return Response(status: .internalServerError) }
    }

    /// A reply that is JSON already.
    static func json(bytes: ByteBuffer) -> Response { Response(status: .ok, headers: jsonHeaders, body: ResponseBody(byteBuffer: bytes)) }

    static func json(_ value: JSONValue) -> Response { json(bytes: ByteBuffer(string: value.serialized())) }

    private static let jsonHeaders: HTTPFields = [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"]

    static func json(data: Data, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: jsonHeaders,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }

    func adding(_ headers: [(String, String)]) -> Response {
        guard !headers.isEmpty else { return self }
        var response = self
        for (name, value) in headers { response.headers[HTTPField.Name(name)!] = value }
        return response
    }

    static var noContent: Response { Response(status: .noContent) }
}
