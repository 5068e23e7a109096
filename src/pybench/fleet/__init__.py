"""Shards of a comparison, handed out to workers on other hosts by Dask."""
