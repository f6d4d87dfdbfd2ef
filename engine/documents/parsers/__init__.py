"""Readers of documents, one kind a module; `parse.py` runs them in a worker of its own.

A reader is a function `read(source, out) -> Parsed`: it takes the file, writes the text
to `out` as it goes, and says what it found. `kinds.py` chooses it by content and name.
"""
