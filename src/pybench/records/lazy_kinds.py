"""What a call may make and not run, and the words for it; both planes need them."""

COROUTINE = "coroutine"
AWAITABLE = "awaitable"
ASYNC_GENERATOR = "asynchronous generator"
GENERATOR = "generator"
ITERATOR = "lazy iterator"

# These run on an event loop.
ASYNCHRONOUS = (COROUTINE, AWAITABLE, ASYNC_GENERATOR)


def article(kind: str) -> str:
    """Return the kind with its article."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def sentence(kind: str) -> str:
    """Say how calls of such a kind are run."""
    how = "awaited to its end on an event loop"
    if kind == ASYNC_GENERATOR:
        how = "run to its end on an event loop"
    elif kind not in ASYNCHRONOUS:
        how = "run to its end, its items dropped"
    return f"each call makes {article(kind)}, which is {how}: both are timed"
