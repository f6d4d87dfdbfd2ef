import Datasets
import Foundation
import Testing

/// The memory of a process is all its tests' together, so the one that is measured has a process of its own.
@Suite("Huge lines") struct HugeLineTests {
    private static let variable = "ATELIER_TEST_HUGE_LINE"

    /// Not a test of its own: what the child runs. Says on its standard error how much memory it held at most, in kilobytes.
    @Test(.enabled("only in the child of the other test") { ProcessInfo.processInfo.environment[variable] != nil })
    func `child`() throws {
        try withFolder { folder in
            let file = try folder.file("huge", good + "\n")
            let handle = try FileHandle(forWritingTo: file)
            // Zeros that take no room on the disk.
            try handle.truncate(atOffset: 1 << 30)
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(("\n" + good + "\n").utf8))
            try handle.close()
            let report = try DatasetReader(file).validate()
            #expect(report.examples == 2 && report.lines == 3)
            #expect(report.problems.map(\.code) == [.lineTooLong] && report.problems[0].line == 2)
            #expect(report.problems[0].found.contains("\((1 << 30) - good.utf8.count - 1) bytes"))
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let peak = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
            FileHandle.standardError.write(Data("\(peak)\n".utf8))
        }
    }

    @Test(.enabled("needs /proc to find its own program") { FileManager.default.fileExists(atPath: "/proc/self/exe") })
    func `a line of a gigabyte takes bounded memory`() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["--testing-library", "swift-testing", "--filter", "HugeLineTests.child"]
        process.environment = ProcessInfo.processInfo.environment.merging([Self.variable: "1"]) { $1 }
        process.standardOutput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardError = pipe
        try process.run()
        let said = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(said)")
        let peak = try #require(said.firstMatch(of: /VmHWM:\s*(\d+) kB/).flatMap { Int($0.1) }, "\(said)")
        // 100 MiB for the reading of a file of any size, beside what the test program itself takes.
        #expect(peak < 200 << 10, "\(peak) kB")
    }
}
