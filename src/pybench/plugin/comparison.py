"""The hooks of ``--benchmark-compare``: which file, and how unlike this run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pybench.plugin.baselines import (
    check_baseline,
    find_baseline,
    newest_save,
    unlike,
)
from pybench.plugin.session import Session
from pybench.results import ResultsError, identity_document

_STOCK_DIFFERENCE = "Benchmark machine_info is different"


class Comparison:
    """Turns a name into a file before the stock session loads it.

    Parameters
    ----------
    session : Session
        Whose identity the saves of this process bear.
    storage : Path or None
        Folder of ``--benchmark-storage``; None leaves finding to the stock.

    Raises
    ------
    pytest.UsageError
        If there is no such baseline, or it cannot be compared with.
    """

    def __init__(self, session: Session, storage: Path | None) -> None:
        self._session = session
        wanted: str | bool = session.config.getoption("benchmark_compare")
        if storage is None or not wanted:
            return
        try:
            if isinstance(wanted, str):
                paths = find_baseline(wanted, storage, session.identity)
            else:
                newest = newest_save(storage / session.identity.folder)
                paths = [newest] if newest else []
            for path in paths:
                check_baseline(path)
        except ResultsError as error:
            raise pytest.UsageError(str(error)) from error
        if len(paths) == 1:
            session.config.option.benchmark_compare = str(paths[0])

    def pytest_benchmark_update_machine_info(
        self, machine_info: dict[str, Any]
    ) -> None:
        """Put the identity into what is saved."""
        machine_info["pybench"] = identity_document(self._session.identity)

    @pytest.hookimpl(wrapper=True)
    def pytest_benchmark_compare_machine_info(
        self,
        benchmarksession: Any,
        machine_info: dict[str, Any],
        compared_benchmark: dict[str, Any],
    ) -> Iterator[None]:
        """Say field by field what differs, instead of two dumps of everything."""
        theirs = compared_benchmark["machine_info"]
        said = unlike(self._session.identity, machine_info, theirs)
        if said:
            self._session.say(f"the baseline is not like this run: {'; '.join(said)}")
        logger = benchmarksession.logger
        warn = logger.warning

        def warn_of_others(text: str, **options: Any) -> None:
            if not text.startswith(_STOCK_DIFFERENCE):
                warn(text, **options)

        logger.warning = warn_of_others
        try:
            return (yield)
        except ValueError as error:
            # The stock hook cannot name a storage outside the working directory.
            if "subpath" not in str(error):
                raise
            return None
        finally:
            logger.warning = warn
