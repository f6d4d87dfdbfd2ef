"""Answers of the local model, and adapters in the forms that it and others read."""
