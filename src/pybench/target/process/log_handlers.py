"""Logging as a program of its own finds it, though pytest keeps what is logged.

To each record pytest 9.1 and later add the cost of three handlers, on loggers that do
not propagate as well, so that a row that logs would take twice its time.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_kept_logs() -> Iterator[None]:
    """Take the handlers of pytest away meanwhile."""
    kept = [
        (logger, handler)
        for logger in _loggers()
        for handler in logger.handlers
        if _is_of_pytest(handler)
    ]
    for logger, handler in kept:
        logger.removeHandler(handler)
    try:
        yield
    finally:
        for logger, handler in kept:
            logger.addHandler(handler)


@contextmanager
def fresh_logging() -> Iterator[None]:
    """Let a script find what a new process has, and take away what it sets up.

    A script runs once for each of its benchmarks. A handler that it adds would stay,
    and each later benchmark would pay for one more. What libraries add when they are
    imported, which happens once, does nothing and stays.
    """
    root, manager = logging.getLogger(), logging.Logger.manager
    before = {
        logger: (logger.handlers[:], logger.level, logger.propagate, logger.disabled)
        for logger in _loggers()
    }
    below = manager.disable
    for logger, (handlers, *_) in before.items():
        logger.handlers = [each for each in handlers if not _is_of_pytest(each)]
    root.handlers = []
    root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger in _loggers():
            handlers, level, propagate, disabled = before.get(
                logger, ([], logging.NOTSET, True, False)
            )
            idle = [h for h in logger.handlers if isinstance(h, logging.NullHandler)]
            logger.handlers = [*handlers, *idle[: not {*idle} & {*handlers}]]
            logger.propagate, logger.disabled = propagate, disabled
            logger.setLevel(level)
        manager.disable = below


def _loggers() -> list[logging.Logger]:
    known = [*logging.Logger.manager.loggerDict.values()]
    return [
        logging.getLogger(),
        *(of for of in known if isinstance(of, logging.Logger)),
    ]


def _is_of_pytest(handler: logging.Handler) -> bool:
    return type(handler).__module__ == "_pytest.logging"
