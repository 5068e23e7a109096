"""The work of `test_workers`: a module, so that any worker can import it."""


def count_primes(limits: tuple[int, int]) -> int:
    """Count the primes from the first number up to the second, by trial division."""
    first, last = limits
    count = 0
    for number in range(max(first, 2), last):
        for divisor in range(2, int(number**0.5) + 1):
            if number % divisor == 0:
                break
        else:
            count += 1
    return count
