/// One side of a writer's style. Each is a point in a space of its own; none is ever the score alone.
enum StyleFeature: String, Sendable, CaseIterable {
    /// Rates of function words, each in its own standard deviations: the space of Burrows's Delta, with
    /// Euclidean distance (Argamon 2008, "Quadratic Delta").
    case functionWords = "function_words"
    /// Rates of sequences of 3 and 4 characters, scaled as for a chi-square distance.
    case ngrams
    /// Marks, capitals, digits and new lines per character.
    case punctuation
    /// Words a reply, sentences a reply, words a sentence, letters a word.
    case length
}
