"""Bytecode: a loop over small integers, which exist once for all."""


def run() -> int:
    """Count in the loop itself."""
    low = 0
    for _ in range(1_500_000):
        low = (low ^ 21) & 63
    return low


if __name__ == "__main__":
    run()
