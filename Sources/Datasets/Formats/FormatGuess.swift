/// Tells the format by the names of fields.
enum FormatGuess {
    /// The first format whose required fields are all there, by their names or other names they are known under; else one that has some.
    static func format(of keys: [String]) -> (format: DatasetFormat, fields: [String: String])? {
        for format in DatasetFormat.allCases {
            if let fields = names(of: format, in: keys) { return (format, fields) }
        }
        for format in DatasetFormat.allCases where keys.contains(format.fields[0].name) { return (format, [:]) }
        return nil
    }

    /// The names that differ from the format's own; nil where a required field is not there.
    static func names(of format: DatasetFormat, in keys: [String], given: [String: String] = [:]) -> [String: String]? {
        var names: [String: String] = [:]
        for field in format.fields {
            guard let found = name(of: field, in: keys, given: given) else {
                if field.isRequired { return nil }
                continue
            }
            if found != field.name { names[field.name] = found }
        }
        return names
    }

    /// What a field is called among the keys: by its own name first, then by the others it is known under; case counts last.
    static func name(of field: DatasetFormat.Field, in keys: [String], given: [String: String]) -> String? {
        let known = given[field.name].map { [$0] } ?? [field.name] + field.aliases
        return known.lazy.compactMap { name in keys.first { $0 == name } ?? keys.first { $0.lowercased() == name.lowercased() } }.first
    }
}
