/// Words that say nothing about what is asked.
enum StopWords {
    /// Snowball's English list (snowballstem.org) without its contractions, whose parts are in it. On
    /// whole Cranfield documents dropping them lifts lexical nDCG@10 from 0.518 to 0.530; the 33 words of Lucene's list
    /// with question words gave 0.528.
    static let english = Set(
        """
        i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its itself
        they them their theirs themselves what which who whom this that these those am is are was were be been being have has had
        having do does did doing would should could ought a an the and but if or because as until while of at by for with about
        against between into through during before after above below to from up down in out on off over under again further then
        once here there when where why how all any both each few more most other some such no nor not only own same so than too
        very can will s t just don now
        """.split(whereSeparator: \.isWhitespace).map(String.init))
}
