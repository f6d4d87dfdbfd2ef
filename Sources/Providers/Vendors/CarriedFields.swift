/// Which fields of a request reach one model of a vendor.
struct CarriedFields {
    let vendor: VendorDefinition
    /// By a rule for this model.
    let omitted: Set<String>

    /// Whether one of ``VendorDefinition/standardFields`` does.
    func takes(_ field: String) -> Bool { vendor.allows(field) && !omitted.contains(field) }

    /// Whether one of a request's `extra` fields does.
    func takesExtra(_ field: String) -> Bool { vendor.extraFields.allows(field) && !omitted.contains(field) }
}
