import Foundation
import Testing

@testable import Training

@Suite struct StyleScorerTests {
    private let keeper = SampleReplies.keeper
    private let voices = OtherVoices.bundled
    /// Six of the bundled authors set the floor; the other two are scored.
    private var floor: [[String]] { Array(voices.prefix(6)) }

    private func scorer() throws -> StyleScorer {
        try StyleScorer(training: Array(keeper.prefix(100)), heldOut: Array(keeper[100..<110]), others: floor)
    }

    @Test func theUsersUnseenRepliesAreNearOneAndOtherAuthorsNearZeroOrBelow() throws {
        let scorer = try scorer()
        let own = try #require(scorer.score(Array(keeper.suffix(10))))
        #expect(abs(own.value - 1) < 0.25, "\(own)")
        for other in voices.suffix(2) {
            let score = try #require(scorer.score(other))
            #expect(score.value < 0.4, "\(score)")
        }
        // The authors that set the floor are at 0 together, each at its own distance.
        let scores = floor.compactMap { scorer.score($0)?.value }
        #expect(abs(scores.reduce(0, +) / Double(scores.count)) < 0.05, "\(scores)")
    }

    @Test func noFeatureIsTheScoreAlone() throws {
        let scorer = try scorer()
        #expect(scorer.weights.count >= StyleScorer.featuresAtLeast)
        #expect(scorer.weights.values.allSatisfy { $0 <= StyleScorer.weightAtMost + 1e-9 })
        #expect(abs(scorer.weights.values.reduce(0, +) - 1) < 1e-9)
    }

    @Test func mixingInOtherAuthorsLowersTheScoreStepByStep() throws {
        let scorer = try scorer()
        let own = Array(keeper.suffix(10))
        let other = voices[7]
        let scores = (0...10).map { scorer.score(Array(own.prefix(10 - $0)) + Array(other.prefix($0)))!.value }
        // A step is one text of ten, and texts differ: two steps always go down.
        for step in 2...10 { #expect(scores[step] < scores[step - 2], "\(scores)") }
        #expect(scores[0] - scores[10] > 0.6)
    }

    @Test func shuffledWordsLoseNgramsAndKeepTheirLength() throws {
        let scorer = try scorer()
        let own = Array(keeper.suffix(10))
        let shuffled = own.map(Self.shuffledWords)
        let before = try #require(scorer.score(own)).features
        let after = try #require(scorer.score(shuffled)).features
        #expect(before["ngrams"]! - after["ngrams"]! > 0.05, "\(before) \(after)")
        #expect(abs(before["length"]! - after["length"]!) < 1e-6)
        #expect(abs(before["function_words"]! - after["function_words"]!) < 1e-6)
    }

    @Test func eachFeatureSeesItsOwnChangeMost() throws {
        let scorer = try scorer()
        let own = Array(keeper.suffix(10))
        let before = try #require(scorer.score(own)).features
        func drops(_ change: (String) -> String) -> [String: Double] {
            scorer.score(own.map(change))!.features.reduce(into: [:]) { $0[$1.key] = before[$1.key]! - $1.value }
        }
        let pointed = drops { $0.replacingOccurrences(of: ",", with: "!!!") }
        #expect(pointed["punctuation"]! > 0.3 && abs(pointed["function_words"]!) < 0.01, "\(pointed)")
        let doubled = drops { "\($0) \($0) \($0) \($0)" }
        #expect(doubled["length"]! > 0.3 && abs(doubled["function_words"]!) < 0.05, "\(doubled)")
    }

    @Test func aLoopOfTheUsersPhrasesIsNoStyle() throws {
        let looped = (0..<8).map { _ in String(repeating: "Aye, friend, the lamp. ", count: 8) }
        #expect(try scorer().score(looped)!.value < 0)
    }

    @Test func citationMarksAreNotStyle() throws {
        let scorer = try scorer()
        let own = Array(keeper.suffix(10))
        #expect(scorer.score(own) == scorer.score(own.map { $0 + " [1]" }))
    }

    @Test func theIntervalHoldsTheScoreAndIsTheSameForTheSameSeed() throws {
        let scorer = try scorer()
        let own = Array(keeper.suffix(10))
        let interval = try #require(scorer.interval(own, Bootstrap(resamples: 300)))
        #expect(interval.contains(scorer.score(own)!.value))
        #expect(interval.upperBound - interval.lowerBound > 0.01)
        #expect(scorer.interval(own, Bootstrap(resamples: 300)) == interval)
        #expect(scorer.interval(own, Bootstrap(resamples: 300, seed: 8)) != interval)
    }

    @Test func retentionIsWhatOfTheDraftsGainIsKept() throws {
        let scorer = try scorer()
        let draft = Array(keeper.suffix(10))
        let base = voices[7]
        let bootstrap = Bootstrap(resamples: 200)
        let all = try #require(scorer.retention(final: draft, draft: draft, base: base, bootstrap))
        #expect(abs(all.value - 1) < 1e-9 && all.texts == 10)
        let none = try #require(scorer.retention(final: base, draft: draft, base: base, bootstrap))
        #expect(abs(none.value) < 1e-9)
        let half = try #require(scorer.retention(final: Array(draft.prefix(5)) + Array(base.suffix(5)), draft: draft, base: base, bootstrap))
        #expect(half.value > 0.1 && half.value < 1 && half.interval?.contains(half.value) == true)
        #expect(scorer.retention(final: draft, draft: base, base: draft, bootstrap) == nil, "a draft that gains nothing has nothing to keep")
        // Nor has one that gains by chance: a share of next to nothing may be any number.
        let hardly = Array(base.prefix(9)) + [draft[9]]
        #expect(scorer.retention(final: draft, draft: hardly, base: Array(base.prefix(10)), bootstrap) == nil)
    }

    @Test func tooLittleIsSaidAndNotScored() {
        #expect(throws: StyleUndefined.self) { try StyleScorer(training: Array(keeper.prefix(4)), heldOut: keeper, others: voices) }
        #expect(throws: StyleUndefined.self) { try StyleScorer(training: keeper, heldOut: [keeper[0]], others: voices) }
        // Nobody else's: one author against himself.
        #expect(throws: StyleUndefined.self) { try StyleScorer(training: keeper, heldOut: keeper, others: [keeper]) }
    }

    @Test(arguments: SampleReplies.voices)
    func aVoiceIsToldFromOtherProse(_ voice: SampleReplies.Voice) throws {
        let scorer = try StyleScorer(training: voice.training, heldOut: voice.heldOut, others: voices)
        let own = try #require(scorer.interval(voice.unseen, Bootstrap(resamples: 300)))
        #expect(abs(try #require(scorer.score(voice.unseen)).value - 1) < 0.25)
        for other in voice.others {
            let interval = try #require(scorer.interval(Array(other.prefix(40)), Bootstrap(resamples: 300)))
            #expect(interval.upperBound < own.lowerBound, "\(interval) and \(own)")
        }
        // And as few texts as a job measures on two cores are enough to tell.
        #expect(scorer.score(Array(voice.unseen.suffix(6)))!.value > 0.6)
        #expect(scorer.score(Array(voice.others[0].prefix(6)))!.value < 0.2)
    }

    /// Its words in another order, with the marks where they were.
    private static func shuffledWords(_ text: String) -> String {
        var random = SeededRandom(seed: UInt64(text.utf8.count))
        var pieces: [String] = []
        for character in text {
            let isWord = character.isLetter || character.isNumber || character == "'"
            if isWord, let last = pieces.last?.last, last.isLetter || last.isNumber || last == "'" {
                pieces[pieces.count - 1].append(character)
            } else {
                pieces.append(String(character))
            }
        }
        let places = pieces.indices.filter { pieces[$0].first!.isLetter || pieces[$0].first!.isNumber }
        let words = places.map { pieces[$0] }.shuffled(using: &random)
        for (place, word) in zip(places, words) { pieces[place] = word }
        return pieces.joined()
    }
}
