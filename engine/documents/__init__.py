"""Foreign files become text, rows or folders: documents, archives, collections, Parquet."""
