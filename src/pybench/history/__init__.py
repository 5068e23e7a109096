"""Runs over time: a store of them, queries, and what changed when."""
