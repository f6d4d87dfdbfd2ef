import Calls
import Foundation
import Providers
import Store

/// Tries a provider key as it is saved, so that a mistyped one is found now and not by the first question.
struct KeyTrial: Sendable {
    struct Options: Sendable {
        var isWanted: Bool
        /// Whether to keep a key that the vendor refuses.
        var savesRefused: Bool
        /// A model to ask for one token where the list of models proves nothing.
        var model: String?
    }

    let tests: MeteredTest
    /// For each of the trial's calls.
    static let timeLimit = Duration.seconds(10)

    /// - Parameters:
    ///   - id: of the stored key, where it is stored.
    ///   - settings: as they are to be saved.
    /// - Returns: nil where no trial is wanted.
    /// - Throws: ``APIError`` 422 `key_refused` where the vendor refuses the key and that is not to be saved.
    func run(_ info: ProviderInfo, key: String, id: String?, _ settings: ProviderKeySettings, _ options: Options) async throws -> ConnectionTest
        .Result?
    {
        guard options.isWanted else { return nil }
        var endpoint = try ProviderEndpoint.endpoint(info, secret: key, baseURL: settings.baseURL)
        endpoint.totalTimeout = Self.timeLimit
        let (result, _) = try await tests.run(info, endpoint, model: options.model, key: id, own: settings.prices)
        if Self.isRefused(result), !options.savesRefused {
            throw APIError(
                status: .unprocessableContent, code: "key_refused", message: result.message,
                details: [
                    .init(
                        field: "api_key", code: result.kind?.rawValue, message: result.message,
                        hint: "correct the key, or save it all the same with \"save_anyway\": true")
                ])
        }
        return result
    }

    /// Nothing that passes by itself: the vendor answered, and said no to this key.
    private static func isRefused(_ result: ConnectionTest.Result) -> Bool { result.kind == .authentication || result.kind == .permission }
}

extension KeyTest {
    init(_ result: ConnectionTest.Result) {
        let outcome = result.kind?.rawValue ?? (result.ok ? (result.keyChecked ? "ok" : "unchecked") : "failed")
        self.init(outcome: outcome, message: String(result.message.prefix(1000)))
    }
}
