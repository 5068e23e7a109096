"""Suites that are not pytest's own, as rows of pytest: a plugin for each kind."""
