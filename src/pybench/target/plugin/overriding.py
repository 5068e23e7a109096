"""What a suite's own pytest options say against a measurement, and what holds instead.

Options come from the user's ini file, from PYTEST_ADDOPTS and from the command line. In
a process that pybench started to measure, those that would spoil it are overridden:
tests spread over processes, a tracer, benchmarks that are disabled. The rest works as
in the user's own runs. The command that started the processes names once what it
overrode.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

# For `pybench run` and the profiles of rows: this session is one of a measurement.
MEASURED_OPTION = "--pybench-measured"

_OVERRIDDEN = pytest.StashKey[list[str]]()


@dataclass(frozen=True, slots=True)
class _Override:
    """An option of the user's, where pytest keeps it, and the value it gets.

    `package` is the plugin's that has the option; empty for pytest's own and those of
    pytest-benchmark. A suite may have an option of that name of its own.
    """

    option: str
    destination: str
    value: object = None
    package: str = ""


# In every measured process.
_CONTRADICTIONS = (
    _Override("--benchmark-disable", "benchmark_disable", False),
    _Override("--benchmark-skip", "benchmark_skip", False),
    # Rows of several processes at once disturb each other.
    _Override("-n", "numprocesses", None, "xdist"),
    _Override("--dist", "dist", "no", "xdist"),
    _Override("--tx", "tx", (), "xdist"),
    _Override("-d", "distload", False, "xdist"),
    _Override("--looponfail", "looponfail", False, "xdist"),
    _Override("--forked", "forked", False, "pytest_forked"),
    # A row that is run again has been measured already.
    _Override("--reruns", "reruns", None, "pytest_rerunfailures"),
    # Has a fixture `benchmark` of its own, which measures in another way.
    _Override("--codspeed", "codspeed", False, "pytest_codspeed"),
    # Tracers and profilers.
    _Override("--memray", "memray", False, "pytest_memray"),
    _Override("--profile", "profile", False, "pytest_profiling"),
    _Override("--profile-svg", "profile_svg", False, "pytest_profiling"),
    # Nothing would be run, or somebody at a keyboard waited for.
    _Override("--collect-only", "collectonly", False),
    _Override("--setup-only", "setuponly", False),
    _Override("--setup-plan", "setupplan", False),
    _Override("--pdb", "usepdb", False),
    _Override("--trace", "trace", False),
)

# Also where the same rows are interleaved in several processes.
_INTERLEAVED = (
    # One row that fails would take the others with it.
    _Override("--maxfail", "maxfail", 0),
    _Override("--stepwise", "stepwise", False),
    _Override("--stepwise-skip", "stepwise_skip", False),
    # A row that waits for its next sample would be ended; a row has a limit of ours.
    _Override("--timeout", "timeout", 0, "pytest_timeout"),
    # Files and folders that all of them would write.
    _Override("--basetemp", "basetemp"),
    _Override("--junit-xml", "xmlpath"),
    _Override("--log-file", "log_file"),
    _Override("--pastebin", "pastebin"),
    _Override("--cache-clear", "cacheclear", False),
    _Override("--cache-show", "cacheshow"),
    _Override("--report-log", "report_log", None, "pytest_reportlog"),
    _Override("--json-report", "json_report", False, "pytest_jsonreport"),
    _Override("--html", "htmlpath", None, "pytest_html"),
)

# What a session that another one started must not do, whatever the user's ini file
# says: save, compare, repeat itself, print tables.
_QUIET = (
    _Override("--benchmark-autosave", "benchmark_autosave", False),
    _Override("--benchmark-save", "benchmark_save"),
    _Override("--benchmark-save-data", "benchmark_save_data", False),
    _Override("--benchmark-json", "benchmark_json"),
    _Override("--benchmark-compare", "benchmark_compare", False),
    _Override("--benchmark-compare-fail", "benchmark_compare_fail"),
    _Override("--benchmark-histogram", "benchmark_histogram", False),
    _Override("--benchmark-cprofile", "benchmark_cprofile"),
    _Override("--pybench-memory", "pybench_memory", False),
    _Override("--benchmark-metric", "benchmark_metric", "time"),
    _Override("--pybench-processes", "pybench_processes", 1),
    _Override("--pybench-fail-on", "pybench_fail_on"),
)

# Options of plugins that are overridden anyway and so need not be installed, by the
# plugin's package: those with a value, and those that stand alone or may have one
# behind a "=".
_WITH_VALUE = {
    "xdist": "-n --numprocesses --dist --maxprocesses --tx --px --max-worker-restart "
    "--maxschedchunk --testrunuid",
    "pytest_cov": "--cov-report --cov-config --cov-fail-under --cov-context "
    "--cov-precision",
    "pytest_codspeed": "--codspeed-mode --codspeed-warmup-time --codspeed-max-time "
    "--codspeed-max-rounds",
    "pytest_rerunfailures": "--reruns --reruns-delay --only-rerun --rerun-except",
}
_ALONE = {
    "xdist": "-f --looponfail -d --no-loadscope-reorder",
    "pytest_cov": "--cov --no-cov --no-cov-on-fail --cov-append --cov-branch "
    "--cov-reset",
    "pytest_codspeed": "--codspeed",
    "pytest_forked": "--forked",
}


def is_measured(option: Any) -> bool:
    """Tell whether pybench started this session to measure, by its options."""
    is_interleaved = getattr(option, "pybench_turns", None) is not None
    return is_interleaved or bool(getattr(option, "pybench_measured", False))


def quieten(config: pytest.Config) -> None:
    """Turn off what writes files or judges; before pytest-benchmark's session is."""
    _apply(config, _QUIET)
    if hasattr(config.option, "benchmark_quiet"):
        config.option.benchmark_quiet = True


def before_plugins(config: pytest.Config, words: list[str]) -> None:
    """Override what plugins act on before all options are read.

    `words` is the command line with the options of the ini file. Options of plugins
    that are overridden and not installed are taken out of it.
    """
    known: Any = config.known_args_namespace
    names = config.stash.setdefault(_OVERRIDDEN, [])
    if getattr(known, "cov_source", None):
        known.cov_source = []  # else pytest-cov begins to trace here
        names.append("--cov")
    missing = {*_WITH_VALUE, *_ALONE} - _packages(config)
    names += _take_out(
        words,
        with_value=" ".join(_WITH_VALUE.get(name, "") for name in missing).split(),
        alone=" ".join(_ALONE.get(name, "") for name in missing).split(),
    )


def _packages(config: pytest.Config) -> set[str]:
    """Return the packages whose modules are plugins of this session."""
    plugins = config.pluginmanager.get_plugins()
    modules = [getattr(plugin, "__name__", "") for plugin in plugins]
    return {module.partition(".")[0] for module in modules}


def _take_out(
    words: list[str], *, with_value: Collection[str], alone: Collection[str]
) -> list[str]:
    """Take options and their values out of a command line; return the options."""
    taken: list[str] = []
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, _ = word.partition("=")
        if name in with_value:
            if not equals:
                next(rest, None)
        elif not word.startswith("--") and word[:2] in with_value:
            name = word[:2]  # -n4
        elif name not in alone:
            kept.append(word)
            continue
        taken.append(name)
    words[:] = kept
    return taken


def before_configure(config: pytest.Config) -> None:
    """Override options, when all are read and before a plugin has acted on them."""
    names = config.stash.setdefault(_OVERRIDDEN, [])
    names += _apply(config, _CONTRADICTIONS)
    if os.environ.pop("CODSPEED_ENV", None) is not None:
        names.append("CODSPEED_ENV")
    if config.option.pybench_turns is not None:
        names += _apply(config, (*_INTERLEAVED, *_QUIET))
        _same_seed(config)
        _spare(config)
        config.pluginmanager.register(CacheKept(), "pybench-cache-kept")
    names += _end_coverage()


def _apply(config: pytest.Config, overrides: Sequence[_Override]) -> list[str]:
    """Set options of plugins that are here; return those that said something else."""
    packages = _packages(config) | {""}
    changed = []
    for override in overrides:
        name = override.destination
        if override.package not in packages or not hasattr(config.option, name):
            continue
        given = getattr(config.option, name)
        setattr(config.option, name, override.value)
        if given != override.value and (given or override.value):
            changed.append(override.option)
    return changed


def _spare(config: pytest.Config) -> None:
    """Leave out what takes a sixth of a short process and that nobody sees there.

    The debugger imports asyncio; its options are read and overridden by now. What the
    collector would find at the end goes with the process. The table is the log's.
    """
    if config.pluginmanager.has_plugin("debugging"):
        config.pluginmanager.unregister(name="debugging")
    with contextlib.suppress(ImportError):  # older pytest
        from _pytest.unraisableexception import gc_collect_iterations_key

        config.stash[gc_collect_iterations_key] = 0
    config.option.benchmark_quiet = True


def _same_seed(config: pytest.Config) -> None:
    """Give pytest-randomly one seed in all processes of a pair, as hashes have."""
    seed = getattr(config.option, "randomly_seed", None)
    if seed is not None and not isinstance(seed, int):
        hash_seed = os.environ.get("PYTHONHASHSEED", "")
        config.option.randomly_seed = int(hash_seed) if hash_seed.isdigit() else 0


def _end_coverage() -> list[str]:
    """Stop a coverage that was begun without an option, as COVERAGE_PROCESS_START."""
    coverage: Any = sys.modules.get("coverage")
    current = getattr(getattr(coverage, "Coverage", None), "current", lambda: None)()
    if current is None:
        return []
    current.stop()
    return ["coverage"]


def overridden(config: pytest.Config) -> list[str]:
    """Return the options of the user's that were overridden, each once."""
    names = config.stash.get(_OVERRIDDEN, None)
    return [*dict.fromkeys(names or ())]


class CacheKept:
    """Lets the user's own sessions alone write pytest's cache.

    What the cache holds is read; what this session writes it reads back, and it is
    gone with the session. Without pytest's cache plugin, its options and settings
    would be errors.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Begin before other plugins, if they have not got at the cache earlier."""
        keep_cache(session.config)

    def pytest_configure(self, config: pytest.Config) -> None:
        """Begin as soon as there is a cache."""
        keep_cache(config)


def keep_cache(config: pytest.Config) -> None:
    """Leave pytest's cache on disk as it is, whatever this session writes to it."""
    cache: Any = getattr(config, "cache", None)
    if cache is None or hasattr(cache, "pybench_kept"):
        return
    kept: dict[str, str] = {}
    folders: dict[str, Path] = {}
    get, make = cache.get, cache.mkdir

    def get_kept(key: str, default: object) -> object:
        return json.loads(kept[key]) if key in kept else get(key, default)

    def set_kept(key: str, value: object) -> None:
        kept[key] = json.dumps(value)

    def make_kept(name: str) -> Path:
        if name in ("", ".", "..") or Path(name).parts != (name,):
            refused: Path = make(name)  # raises what pytest raises
            return refused
        if name not in folders:
            holder = tempfile.mkdtemp(prefix="pybench-cache-")
            config.add_cleanup(partial(shutil.rmtree, holder, ignore_errors=True))
            folders[name] = Path(holder, name)
            on_disk: Path = cache._cachedir / "d" / name
            if on_disk.is_dir():
                shutil.copytree(on_disk, folders[name])
            else:
                folders[name].mkdir()
        return folders[name]

    cache.get, cache.set, cache.mkdir = get_kept, set_kept, make_kept
    cache.pybench_kept = kept
