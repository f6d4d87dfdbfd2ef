import Foundation

/// Encrypts provider keys. The first Fernet key encrypts, all of them decrypt, so that a key can be
/// rotated by putting the new one in front.
public struct KeyVault: Sendable {
    public enum Failure: Error, Sendable, CustomStringConvertible {
        case noKey
        case malformedKey(position: Int)
        /// None of the configured keys opens the row.
        case unreadable
        /// The row opens, but was made for another user or provider.
        case foreignRow

        public var description: String {
            switch self {
            case .noKey: "API_KEY_ENCRYPTION_KEY is empty"
            case .malformedKey(let position):
                "API_KEY_ENCRYPTION_KEY: entry \(position) is not a Fernet key (32 bytes, base64url). Make one with: atelier keys generate"
            case .unreadable:
                "the stored key cannot be opened with the configured API_KEY_ENCRYPTION_KEY: put the key that encrypted it back, or save the provider key again"
            case .foreignRow: "the stored key belongs to another user or provider and is refused: save the provider key again"
            }
        }
    }

    private struct Sealed: Codable {
        var user: String
        var provider: String
        var key: String
    }

    private let keys: [Fernet]

    /// - Parameter keys: one Fernet key, or several with commas.
    public init(keys: String) throws {
        let parts = keys.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        guard !parts.isEmpty else { throw Failure.noKey }
        self.keys = try parts.enumerated().map { index, part in
            guard let fernet = try? Fernet(key: part) else { throw Failure.malformedKey(position: index + 1) }
            return fernet
        }
    }

    /// The plaintext carries whom it is for, so that a row copied to another user is refused on use.
    public func seal(_ key: String, user: String, provider: String) throws -> String {
        try keys[0].encrypt(JSONEncoder().encode(Sealed(user: user, provider: provider, key: key)))
    }

    public func open(_ token: String, user: String, provider: String) throws -> String {
        for fernet in keys {
            guard let data = try? fernet.decrypt(token) else { continue }
            guard let sealed = try? JSONDecoder().decode(Sealed.self, from: data) else { throw Failure.unreadable }
            guard sealed.user == user, sealed.provider == provider else { throw Failure.foreignRow }
            return sealed.key
        }
        throw Failure.unreadable
    }

    /// A number that is `text`'s own on this installation and that nobody computes who does not have the key.
    func pseudonym(_ text: String) -> UInt64 {
        keys[0].authenticationCode(for: text).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// How many keys are configured.
    var keyCount: Int { keys.count }

    /// The same plaintext under the first key.
    /// - Returns: nil where it is under the first key already.
    /// - Throws: ``Failure/unreadable`` where no configured key opens it.
    func reseal(_ token: String) throws -> String? {
        if (try? keys[0].decrypt(token)) != nil { return nil }
        for fernet in keys.dropFirst() {
            if let plaintext = try? fernet.decrypt(token) { return try keys[0].encrypt(plaintext) }
        }
        throw Failure.unreadable
    }

    /// Reads the key file, or makes it (0600) when it is not there.
    /// - Returns: the keys, and whether the file was made now.
    public static func keysFromFile(_ url: URL) throws -> (keys: String, created: Bool) {
        if FileManager.default.fileExists(atPath: url.path) {
            return (try String(contentsOf: url, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines), false)
        }
        let key = Fernet.generateKey()
        // Exclusive creation: two processes starting at once must not end with two keys.
        let descriptor = Foundation.open(url.path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else {
            // Made in this very moment by another process.
            if errno == EEXIST { return (try String(contentsOf: url, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines), false) }
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: url.path])
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: Data((key + "\n").utf8))
        try handle.synchronize()
        return (key, true)
    }
}
