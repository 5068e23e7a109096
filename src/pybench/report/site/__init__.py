"""A folder of runs as a static site: the latest, the history, the machines."""
