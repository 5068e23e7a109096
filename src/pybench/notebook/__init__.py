"""Measuring and comparing from Python: what `pybench`'s functions do in a notebook.

Runs in the process that it measures, and shows what it found as text, HTML and
Vega-Lite. Measuring needs the standard library alone; comparing interpreters and
charts outside of Jupyter need the host's libraries, and say so where they are missing.
"""
