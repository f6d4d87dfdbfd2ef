/// Where files live, relative to the data directory: the user first, so that one folder holds all of
/// a user and nothing of anybody else.
public enum DataPaths {
    public static func user(_ user: String) -> String { "users/\(user)" }
    public static func dataset(sha256: String, user: String) -> String { "users/\(user)/datasets/\(sha256)" }
    public static func adapter(_ id: String, user: String) -> String { "users/\(user)/adapters/\(id)" }
    public static func collection(_ id: String, user: String) -> String { "users/\(user)/collections/\(id)" }
    public static func collection(_ id: String, version: Int, user: String) -> String { "users/\(user)/collections/\(id)/v\(version)" }
    public static func job(_ id: String, user: String) -> String { "users/\(user)/jobs/\(id)" }
}
