"""One file per child program, started by its path."""
