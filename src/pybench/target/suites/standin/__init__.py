"""Modules that stand in for those of other tools where these are not installed.

This folder comes last in ``sys.path`` while a script runs: what is installed is found
first, and a child of multiprocessing finds what its parent found.
"""
