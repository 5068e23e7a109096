"""A lock: four threads do under it what could be done at the same time."""

import threading
import time

LOCK = threading.Lock()


def work() -> None:
    """Wait for something with the lock held."""
    for _ in range(25):
        with LOCK:
            time.sleep(0.002)


def run(threads: int = 4) -> None:
    """Run them to their end."""
    started = [threading.Thread(target=work) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


if __name__ == "__main__":
    run()
