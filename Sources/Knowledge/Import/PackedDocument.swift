/// Documents that are zip archives inside: to a signature they look like a folder somebody packed.
enum PackedDocument {
    private static let suffixes: Set<String> = [".docx", ".docm", ".odt", ".epub"]

    static func isNamed(_ name: String) -> Bool {
        name.lastIndex(of: ".").map { suffixes.contains(name[$0...].lowercased()) } ?? false
    }
}
