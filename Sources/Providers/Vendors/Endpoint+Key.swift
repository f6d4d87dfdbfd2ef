import Domain
import Foundation

extension Endpoint {
    /// The key without the blanks that pasting leaves around it; `nil` where there is none and none is needed.
    /// - Throws: ``ProviderError`` of kind `.noKey`.
    func usableKey(for vendor: VendorDefinition) throws -> String? {
        let key = key.map { Self.trimmed($0.reveal()) } ?? ""
        if !key.isEmpty { return key }
        guard !vendor.needsKey else {
            throw ProviderError(.noKey, provider: vendor.id, message: "no API key for \(vendor.name): add one under Providers")
        }
        return nil
    }

    /// Most keys have nothing to trim, which two looks tell.
    private static func trimmed(_ key: String) -> String {
        func isPlain(_ byte: UInt8?) -> Bool { byte.map { (0x21...0x7E).contains($0) } ?? false }
        if isPlain(key.utf8.first), isPlain(key.utf8.last) { return key }
        return key.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
