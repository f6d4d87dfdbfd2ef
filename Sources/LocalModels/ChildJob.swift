/// For which job a child works: it is told in the child's environment, so that what it uses can be found.
public enum ChildJob {
    /// The environment's name.
    public static let variable = "ATELIER_JOB"

    @TaskLocal public static var current: String?
}
