import Domain
import Foundation
import Knowledge

/// Reads the options of a search from a request's fields.
enum SearchFields {
    static func read(_ fields: inout RequestFields) -> SearchOptions {
        var options = SearchOptions()
        options.k = fields.integer("top_k", 1...100) ?? options.k
        options.strategy = fields.choice("strategy", SearchStrategy.self) ?? options.strategy
        options.candidates = fields.integer("candidates", 1...1000) ?? options.candidates
        options.denseWeight = fields.number("dense_weight", 0...100) ?? options.denseWeight
        options.lexicalWeight = fields.number("lexical_weight", 0...100) ?? options.lexicalWeight
        options.rerank = fields.integer("rerank", 0...100) ?? options.rerank
        options.rerankWeight = fields.number("rerank_weight", 0...1000) ?? options.rerankWeight
        options.variants = fields.integer("expand", 0...4) ?? options.variants
        options.neighbours = fields.integer("neighbours", 0...10) ?? options.neighbours
        options.duplicateThreshold = fields.number("duplicate_threshold", 0...1)
        options.duplicateCosine = fields.number("duplicate_cosine", 0...1)
        options.minCosine = fields.number("min_cosine", -1...1)
        options.minRerank = fields.number("min_rerank", 0...1)
        options.tokenBudget = fields.integer("token_budget", 1...1_000_000)
        fields.nested("filter") { options.filter = filter(&$0) }
        if options.minRerank != nil, options.rerank == 0 {
            fields.fail("min_rerank", "needs rerank, the number of passages to be read", hint: "add \"rerank\": 20")
        }
        return options
    }

    /// Conditions on documents, as in `filter` of a search.
    static func filter(_ fields: inout RequestFields) -> DocumentFilter {
        var filter = DocumentFilter()
        filter.documents = fields.strings("documents", max: 1000)
        filter.tagsAny = fields.strings("tags_any") ?? []
        filter.tagsAll = fields.strings("tags_all") ?? []
        filter.kinds = fields.strings("kinds") ?? []
        filter.from = day("from", &fields)
        filter.to = day("to", &fields)
        return filter
    }

    private static func day(_ field: String, _ fields: inout RequestFields) -> CalendarDate? {
        guard let text = fields.string(field, length: 1...40) else { return nil }
        guard let date = CalendarDate(text) else {
            fields.fail(field, "must be a day like 2026-03-01")
            return nil
        }
        return date
    }
}
