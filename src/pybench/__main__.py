"""`python -m pybench`, where the script `pybench` is not on PATH."""

from pybench.cli import main

main()
