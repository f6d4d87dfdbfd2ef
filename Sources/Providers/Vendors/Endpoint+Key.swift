import Foundation

extension Endpoint {
    /// The key without the blanks that pasting leaves around it; `nil` where there is none and none is needed.
    /// - Throws: ``ProviderError`` of kind `.noKey`.
    func usableKey(for info: ProviderInfo) throws -> String? {
        let key = key?.reveal().trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        if !key.isEmpty { return key }
        guard !info.needsKey else {
            throw ProviderError(.noKey, provider: info.id, message: "no API key for \(info.name): add one under Providers")
        }
        return nil
    }
}
