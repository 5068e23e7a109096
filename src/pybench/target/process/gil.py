"""The watch over the GIL: did something turn it on, and which module was it.

On a free-threaded build an extension that does not declare itself safe turns the GIL
on for the rest of the process. Every number from then on is of another interpreter
than the identity says. The watch is asked before and after each benchmark; from the
first change on, every row of the process is void.
"""

import importlib.machinery
import os
import re
import sys
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import ModuleType

from pybench.target.process.identity import gil_enabled, is_free_threaded

# CPython's RuntimeWarning when an import enables the GIL (PEP 703).
_WARNING = re.compile(r"global interpreter lock \(GIL\) has been enabled .*'([^']+)'")


def module_in_warning(text: str) -> str | None:
    """Return the module that CPython's warning says turned the GIL on."""
    match = _WARNING.search(text)
    return match[1] if match else None


def gil_requested(environment: dict[str, str], options: dict[str, object]) -> bool:
    """Tell whether the user asked for the GIL (``-X gil=1``, ``PYTHON_GIL=1``)."""
    return str(options.get("gil", environment.get("PYTHON_GIL", ""))) == "1"


class GilWatch:
    """Remember whether the GIL must stay off, and who turned it on.

    It is `guarded` where it is meant to be off. A process that was started with it on
    is not void: its identity says so.
    """

    def __init__(self, *, guarded: bool) -> None:
        self.guarded = guarded
        self.module: str | None = None
        self._before = extension_modules()
        self._create: Callable[..., ModuleType | None] | None = None

    def start(self) -> None:
        """Watch the loader of extension modules.

        CPython's warning is not enough: a filter of the suite may drop it, and pytest
        hands recorded warnings over only when the test has been reported.
        """
        if not self.guarded or gil_enabled():
            return
        watch = self
        create = self._create = ExtensionFileLoader.create_module

        def create_module(
            loader: ExtensionFileLoader, spec: ModuleSpec
        ) -> ModuleType | None:
            was_on = gil_enabled()
            try:
                return create(loader, spec)
            finally:
                if not was_on and gil_enabled():
                    watch.module = watch.module or spec.name

        # setattr: to a type checker a method is not assignable.
        setattr(ExtensionFileLoader, "create_module", create_module)  # noqa: B010

    def stop(self) -> None:
        """Put the loader back."""
        if self._create is not None:
            setattr(ExtensionFileLoader, "create_module", self._create)  # noqa: B010
            self._create = None

    def see_warning(self, text: str) -> None:
        """Take the module's name from a warning, if it is the one about the GIL."""
        self.module = self.module or module_in_warning(text)

    @property
    def is_broken(self) -> bool:
        """Whether the GIL is on in a process where it must be off."""
        return self.guarded and gil_enabled()

    def culprit(self) -> str:
        """Name the module that turned the GIL on, or those it must be among."""
        if self.module is not None:
            return f"module {self.module!r}"
        new = extension_modules() - self._before
        candidates = sorted(new or self._before)
        if not candidates:
            return "an unknown module"
        one_of = "module " if len(candidates) == 1 else "one of the modules "
        return one_of + ", ".join(repr(name) for name in candidates)


def watch_for_process() -> GilWatch:
    """Return the watch that suits how this process was started."""
    environment = {} if sys.flags.ignore_environment else dict(os.environ)
    asked = gil_requested(environment, dict(sys._xoptions))
    return GilWatch(guarded=is_free_threaded() and not asked)


def extension_modules() -> frozenset[str]:
    """Return the names of the loaded extension modules that are not CPython's own."""
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    return frozenset(
        name
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] not in sys.stdlib_module_names
        and str(getattr(module, "__file__", "") or "").endswith(suffixes)
    )
