/// Where files live, relative to the data directory: the user first, so that one folder holds all of
/// a user and nothing of anybody else.
public enum DataPaths {
    public static func user(_ user: String) -> String { "users/\(user)" }
    public static func dataset(sha256: String, user: String) -> String { "users/\(user)/datasets/\(sha256)" }
    /// The text of an upload of documents. How a file is read depends on its name, so the name is part of it.
    public static func documents(sha256: String, name: String, user: String) -> String {
        "\(dataset(sha256: sha256, user: user)).\(Token.hash(name).prefix(16)).documents"
    }
    public static func adapter(_ id: String, user: String) -> String { "users/\(user)/adapters/\(id)" }
    public static func collection(_ id: String, user: String) -> String { "users/\(user)/collections/\(id)" }
    public static func collection(_ id: String, version: Int, user: String) -> String { "users/\(user)/collections/\(id)/v\(version)" }
    public static func job(_ id: String, user: String) -> String { "users/\(user)/jobs/\(id)" }
}
