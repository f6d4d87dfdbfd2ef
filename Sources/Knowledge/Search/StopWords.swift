/// Words that say nothing about what is asked.
enum StopWords {
    /// The 33 words Lucene's English analyser drops, and the words questions are made of.
    static let english: Set<String> = [
        "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not", "of", "on", "or",
        "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was", "will", "with",
        "am", "been", "can", "could", "did", "do", "does", "from", "had", "has", "have", "how", "i", "me", "my", "s", "should", "t",
        "we", "were", "what", "when", "where", "which", "who", "why", "would", "you", "your",
    ]
}
