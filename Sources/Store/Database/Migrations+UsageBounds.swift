extension Migrations {
    /// Counts that no call can have are taken back: vendors' replies were once believed, and one sum over such a row fails for ever.
    /// Nobody knows what those calls came to, so their cost, which was made of the counts, goes with them.
    static let usageBounds = """
        UPDATE usage_records SET input_tokens = NULL, output_tokens = NULL, cached_tokens = NULL, cache_write_tokens = NULL,
            reasoning_tokens = NULL, cost = NULL
        WHERE input_tokens NOT BETWEEN 0 AND 1000000000 OR output_tokens NOT BETWEEN 0 AND 1000000000
            OR cached_tokens NOT BETWEEN 0 AND 1000000000 OR cache_write_tokens NOT BETWEEN 0 AND 1000000000
            OR reasoning_tokens NOT BETWEEN 0 AND 1000000000;
        UPDATE usage_records SET cost = NULL WHERE cost NOT BETWEEN 0 AND 10000000000;
        UPDATE usage_records SET latency_ms = 0 WHERE latency_ms NOT BETWEEN 0 AND 1000000000000;
        UPDATE usage_records SET first_token_ms = NULL WHERE first_token_ms NOT BETWEEN 0 AND 1000000000000;
        """
}
