#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What is written when the process crashes.
enum CrashReport {
    /// Makes the report short. Swift's own looks up the name of every frame of every thread, which takes a program of this size ten
    /// seconds and more, and nothing restarts it before the report is done. It also shows the memory around the processor's registers,
    /// where keys may be. The short one has the addresses of the crashed thread's frames, and takes a tenth of a second; docs/operations.md
    /// says how they are turned into names.
    ///
    /// The runtime reads the setting before `main`, so the process replaces itself once, with the same id and arguments. A value that is
    /// there already is the operator's and stays.
    static func shorten() {
        #if os(Linux)
        guard getenv("SWIFT_BACKTRACE") == nil else { return }
        setenv(
            "SWIFT_BACKTRACE",
            "enable=yes,interactive=no,color=no,threads=crashed,limit=64,symbolicate=off,registers=none,images=mentioned", 1)
        var path = [CChar](repeating: 0, count: 4096)
        if readlink("/proc/self/exe", &path, path.count - 1) > 0 { execv(path, CommandLine.unsafeArgv) }
        execv("/proc/self/exe", CommandLine.unsafeArgv)
        // Only the report is longer.
        unsetenv("SWIFT_BACKTRACE")
        #endif
    }
}
