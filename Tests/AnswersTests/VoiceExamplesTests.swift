import Answers
import Files
import Foundation
import Testing

@Suite struct VoiceExamplesTests {
    private let examples = VoiceExamples(
        items: [.init(message: "far", reply: "a"), .init(message: "near", reply: "b"), .init(message: "middle", reply: "c")],
        vectors: [1, 0, 0, 1, 0.6, 0.8], dimension: 2, embedder: "e")

    @Test func theClosestMessagesComeFirstWithTheirSimilarity() {
        let closest = examples.closest(to: [0, 1], count: 2)
        #expect(closest.map(\.message) == ["near", "middle"] && closest.map(\.similarity) == [1, 0.8])
    }

    @Test func theMostTypicalComesFirst() {
        #expect(examples.byTypicality().items.map(\.message) == ["middle", "near", "far"])
        #expect(examples.byTypicality().vectors == [0.6, 0.8, 0, 1, 1, 0])
    }

    @Test func whatIsWrittenIsReadAndWhatDoesNotFitIsRefused() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-voice-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(throws: LocatedError.self) { try VoiceExamples.read(folder) }
        try examples.write(to: folder)
        #expect(try VoiceExamples.read(folder).items == examples.items && VoiceExamples.read(folder).vectors == examples.vectors)
        try Data([1, 2, 3, 4]).write(to: folder.appending(path: "voice.f32"))
        #expect(throws: LocatedError.self) { try VoiceExamples.read(folder) }
    }

    @Test(arguments: [
        #"{"dimension":4611686018427387904,"embedder":"e"}"#, #"{"dimension":-1,"embedder":"e"}"#, #"{"dimension":1e300,"embedder":"e"}"#,
        #"{"dimension":3,"embedder":"e"}"#, "[[[[",
    ]) func aHeaderThatDoesNotFitIsAnError(header: String) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-voice-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try examples.write(to: folder)
        #expect(throws: Never.self) { try VoiceExamples.read(folder) }
        try Data(header.utf8).write(to: folder.appending(path: "voice.json"))
        #expect(throws: (any Error).self) { try VoiceExamples.read(folder) }
    }

    @Test func vectorsThatAreNoNumbersAreAnError() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-voice-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var broken = examples
        broken.vectors[0] = .nan
        try broken.write(to: folder)
        #expect(throws: LocatedError.self) { try VoiceExamples.read(folder) }
    }
}
