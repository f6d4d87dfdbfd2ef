import Domain

/// The vendors this server knows, from `Resources/vendors.json`.
public enum VendorCatalog {
    /// In the file's order.
    public static let all: [VendorDefinition] = {
        do { return try read(PackageResources.vendors_json) } catch { preconditionFailure("vendors.json: \(error)") }
    }()

    /// Ids no user's definition may take.
    public static let ids: Set<String> = Set(all.map(\.id))

    /// - Throws: ``DataProblems`` or ``JSONSyntaxError``.
    static func read(_ bytes: [UInt8]) throws -> [VendorDefinition] {
        let json = try JSONValue(parsing: bytes)
        guard let entries = json["vendors"]?.arrayValue else { throw DataProblems([DataProblem("vendors", "is required")]) }
        var vendors: [VendorDefinition] = []
        for entry in entries {
            let vendor = try VendorDefinition(entry, dialects: Dialect.all, origin: .builtIn)
            guard !vendors.contains(where: { $0.id == vendor.id }) else { throw DataProblems([DataProblem("id", "\(vendor.id) stands there twice")]) }
            vendors.append(vendor)
        }
        return vendors
    }
}
