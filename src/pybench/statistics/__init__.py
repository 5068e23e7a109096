"""From paired differences to verdicts: pure functions, no files, no clock, no chance.

A difference is one number per row and pair: the logarithm of contender over baseline.
Everything decided here is decided from those numbers alone, so that the same record
gives the same verdicts, and exchanging the sides mirrors them.
"""
