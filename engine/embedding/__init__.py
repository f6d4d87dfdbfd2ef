"""Texts become vectors, and passages are ranked."""
