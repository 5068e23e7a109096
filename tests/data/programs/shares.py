"""Functions whose share of C code is known; see the test that names them."""

import threading
import zlib

BYTES = bytes(range(256)) * 20_000
ARGUMENTS = (BYTES,)
BIG = 7**9000
NUMBERS = range(5000)


def summed_generator() -> int:
    """Add what a generator computes: C code that calls bytecode back."""
    return sum(number * 3 % 7 + number // 5 for number in NUMBERS)


def big_numbers() -> int:
    """Multiply numbers of 25,000 bits: C code that operators need."""
    result = 0
    for _ in range(20):
        result ^= BIG * BIG
    return result


def callee(first: int, *rest: int, third: int = 0) -> int:
    """Be called by keywords, which no instruction is specialised for."""
    value = first
    for number in rest:
        value = value * 3 + number ^ third
        value = (value & 1023) + (value >> 3) % 11
        value = (value & 511) + (value >> 2) % 13
    return value


def starred_calls() -> int:
    """Call Python functions by star and by keywords."""
    rest, named = (1, 2, 3, 4, 5, 6, 7, 8), {"third": 3}
    value = 0
    for number in range(300):
        value ^= callee(number, *rest, **named)
        value ^= callee(number, 1, 2, 3, 4, 5, 6, 7, 8, third=4)
    return value


def checksum() -> int:
    """Compute one checksum of 5 MB."""
    return zlib.crc32(BYTES)


def checksum_starred() -> int:
    """Compute one by a call that is specialised for nothing."""
    return zlib.crc32(*ARGUMENTS)


def checksum_in_threads() -> None:
    """Compute in threads."""
    threads = [threading.Thread(target=zlib.crc32, args=ARGUMENTS) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def native_half() -> int:
    """Run C code alone."""
    return zlib.crc32(BYTES)


def bytecode_half() -> int:
    """Run bytecode alone."""
    value = 0
    for number in range(20_000):
        value = value * 3 + number & 1023
    return value


def halves() -> int:
    """Run both."""
    return native_half() + bytecode_half()
