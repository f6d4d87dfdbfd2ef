import Foundation

/// What a rotation of the encryption key found and did.
public struct KeyRotation: Sendable, Equatable {
    /// A row that no configured key opens. Its content stays unsaid.
    public struct UnreadableRow: Sendable, Equatable, CustomStringConvertible {
        public var table: String
        public var id: String
        public var description: String { "\(table) \(id)" }
    }

    /// How many keys are configured.
    public var keys: Int
    /// Rows encrypted anew with the first key.
    public var rotated = 0
    /// Rows that were under the first key already.
    public var current = 0
    public var unreadable: [UnreadableRow] = []

    /// Nothing was changed, because these rows would be lost with the old key.
    public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        public var rows: [UnreadableRow]
        public var description: String {
            "\(rows.count) row\(rows.count == 1 ? "" : "s") can be opened with no key of API_KEY_ENCRYPTION_KEY; nothing was changed: "
                + rows.prefix(20).map(\.description).joined(separator: ", ") + (rows.count > 20 ? " …" : "")
        }
    }
}

extension Store {
    /// Encrypts every sealed row with the first configured key, all in one transaction: after it either
    /// every row is under the first key or nothing has changed. Rows that are there already are left, so
    /// that it may be run again at any time, also beside a running server.
    /// - Parameters:
    ///   - skipUnreadable: leaves rows that no key opens as they are instead of refusing.
    ///   - dryRun: counts and changes nothing.
    /// - Throws: ``KeyRotation/Refusal``.
    public func rotateKeys(skipUnreadable: Bool = false, dryRun: Bool = false) async throws -> KeyRotation {
        let vault = vault
        return try await database.write { connection in
            var rotation = KeyRotation(keys: vault.keyCount)
            for place in SealedColumn.all {
                for row in try connection.query("SELECT \(place.id) AS id, \(place.column) AS token FROM \(place.table) ORDER BY \(place.id)") {
                    let id = try row.text("id")
                    do {
                        guard let token = try vault.reseal(row.text("token")) else {
                            rotation.current += 1
                            continue
                        }
                        rotation.rotated += 1
                        guard !dryRun else { continue }
                        try connection.query("UPDATE \(place.table) SET \(place.column) = $2 WHERE \(place.id) = $1", .text(id), .text(token))
                    } catch is KeyVault.Failure { rotation.unreadable.append(.init(table: place.table, id: id)) }
                }
            }
            if !rotation.unreadable.isEmpty, !skipUnreadable, !dryRun { throw KeyRotation.Refusal(rows: rotation.unreadable) }
            if !dryRun {
                try connection.audit(
                    .keysRotate, target: nil,
                    ["rotated": "\(rotation.rotated)", "current": "\(rotation.current)", "unreadable": "\(rotation.unreadable.count)"])
            }
            return rotation
        }
    }
}
