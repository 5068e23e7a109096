"""Which suite is measured where none is named."""

from pathlib import Path

import pytest

from pybench.comparison.suites import SuiteError, find_suite, installed

pytestmark = pytest.mark.once


def test_folder_of_benchmarks_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchmarks").mkdir()

    assert find_suite().paths == ("benchmarks",)
    assert find_suite("pybench").paths != ("benchmarks",)


def test_elsewhere_it_is_the_suite_of_pybench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record names it without a path, which differs from machine to machine."""
    monkeypatch.chdir(tmp_path)
    suite = find_suite()

    assert suite == find_suite("pybench")
    assert suite.text == "pybench"
    (folder,) = suite.paths
    assert (Path(folder) / "quick.txt").is_file()
    assert suite.options == ("-p", "no:cacheprovider")


def test_suite_that_was_left_out_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for root in (None, tmp_path):
        with monkeypatch.context() as patch:
            patch.setattr(installed, "source_folder", lambda root=root: root)
            with pytest.raises(SuiteError, match="installed without its suite"):
                find_suite()
