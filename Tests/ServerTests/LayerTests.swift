import Foundation
import Testing

/// Who may use whom, as `docs/architecture.md` draws it.
@Suite struct LayerTests {
    /// From the bottom up; a target uses those of the lines before its own.
    private static let layers = [
        ["Domain"],
        ["Store", "Knowledge", "Providers", "LocalModels", "Datasets"],
        ["Files"], ["Calls"], ["Answers"], ["Releases"], ["Training"], ["Server"], ["Atelier"],
    ]

    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Sources")

    /// What a file imports of our own.
    private static func imports(_ file: URL) throws -> Set<String> {
        let ours = Set(layers.joined())
        let words = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { $0.contains("import ") }
            .compactMap { $0.firstMatch(of: /^(?:@\w+ |public |package |internal )*import (?:struct |class |enum |func )?(\w+)/)?.1 }
        return Set(words.map(String.init)).intersection(ours)
    }

    @Test(arguments: layers.indices) func aTargetUsesOnlyThoseBelowIt(_ layer: Int) throws {
        let below = Set(Self.layers[..<layer].joined())
        for target in Self.layers[layer] {
            let files = try #require(FileManager.default.enumerator(at: Self.sources.appending(path: target), includingPropertiesForKeys: nil))
            var count = 0
            for case let file as URL in files where file.pathExtension == "swift" {
                count += 1
                let wrong = try Self.imports(file).subtracting(below).subtracting([target])
                #expect(wrong.isEmpty, "\(target)/\(file.lastPathComponent) uses \(wrong.sorted().joined(separator: ", "))")
            }
            #expect(count > 0, "no files of \(target)")
        }
    }

    @Test func everyTargetIsInALayer() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path).filter { !$0.hasPrefix("C") || $0 == "Calls" }
        #expect(Set(folders) == Set(Self.layers.joined()))
    }

    /// One name, one thing: whoever looks for a type finds one.
    @Test func noTwoTargetsDeclareATypeOfOneName() throws {
        var targets: [String: Set<String>] = [:]
        for target in Self.layers.joined() {
            let files = try #require(FileManager.default.enumerator(at: Self.sources.appending(path: target), includingPropertiesForKeys: nil))
            for case let file as URL in files where file.pathExtension == "swift" {
                for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                    // Private ones are nobody's to look for, and nested ones have another's name before theirs.
                    guard let name = line.firstMatch(of: /^(?:public |package |final |indirect )*(?:struct|enum|class|actor|protocol) (\w+)/)?.1
                    else { continue }
                    targets[String(name), default: []].insert(target)
                }
            }
        }
        #expect(targets.count > 500)
        for (name, targets) in targets where targets.count > 1 { Issue.record("\(name) is declared in \(targets.sorted().joined(separator: ", "))") }
    }
}
