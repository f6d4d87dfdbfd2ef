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
            let known = given[field.name].map { [$0] } ?? [field.name] + field.aliases
            let found = known.lazy.compactMap { name in keys.first { $0 == name } ?? keys.first { $0.lowercased() == name.lowercased() } }.first
            guard let found else {
                if field.isRequired { return nil }
                continue
            }
            if found != field.name { names[field.name] = found }
        }
        return names
    }
}
