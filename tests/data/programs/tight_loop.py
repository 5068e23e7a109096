"""Bytecode: a loop over small integers, which exist once for all."""


def run() -> int:
    """Count in the loop itself; a range above 256 would make its numbers anew."""
    low = 0
    for _ in range(10_000):
        for _ in range(250):
            low = (low ^ 21) & 63
    return low


if __name__ == "__main__":
    run()
