import Domain

extension SearchOptions {
    /// Every key may be left out.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        func read<Value: Decodable>(_ key: CodingKeys, _ path: WritableKeyPath<SearchOptions, Value>) throws {
            if let value = try container.decodeIfPresent(Value.self, forKey: key) { self[keyPath: path] = value }
        }
        try read(.k, \.k)
        try read(.strategy, \.strategy)
        try read(.candidates, \.candidates)
        try read(.rrfK, \.rrfK)
        try read(.denseWeight, \.denseWeight)
        try read(.lexicalWeight, \.lexicalWeight)
        try read(.rerank, \.rerank)
        try read(.rerankWeight, \.rerankWeight)
        try read(.variants, \.variants)
        try read(.variantWeight, \.variantWeight)
        try read(.neighbours, \.neighbours)
        filter = try container.decodeIfPresent(DocumentFilter.self, forKey: .filter)
        duplicateThreshold = try container.decodeIfPresent(Double.self, forKey: .duplicateThreshold)
        duplicateCosine = try container.decodeIfPresent(Double.self, forKey: .duplicateCosine)
        minCosine = try container.decodeIfPresent(Double.self, forKey: .minCosine)
        minRerank = try container.decodeIfPresent(Double.self, forKey: .minRerank)
        tokenBudget = try container.decodeIfPresent(Int.self, forKey: .tokenBudget)
    }
}
