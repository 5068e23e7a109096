"""A kernel's sample: few long rounds, whose number says nothing of waiting."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pybench.target.plugin import interleaving_adapters as adapters

PER_NS = 2.37
TARGET_NS = 5e6


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> adapters.KernelAdapter:
    """Return that of a kernel which takes exactly so long per iteration."""

    def kernel(iterations: int, *, rounds: int, **_: Any) -> list[Any]:
        result = SimpleNamespace(
            elapsed_ns=iterations * PER_NS,
            ns_per_operation=PER_NS,
            cpu_ns_per_operation=PER_NS,
        )
        return [result] * rounds

    known = {"kernel": {"area": "area", "missing": None}}
    native = SimpleNamespace(KERNELS=known, kernel=kernel)
    monkeypatch.setattr(adapters, "native_or_fail", lambda: native)
    benchmark = SimpleNamespace(group=None)
    return adapters.KernelAdapter(benchmark, "kernel", {}, None)


def test_sample_of_a_kernel_is_few_long_rounds(adapter: adapters.KernelAdapter) -> None:
    numbers = adapter.size(TARGET_NS, adapters.COUNT_MOST)

    round_ns = numbers["iterations"] * PER_NS
    assert numbers["count"] == 5
    assert round_ns == pytest.approx(adapters.KERNEL_ROUND_NS, rel=0.05)
    # So that a twentieth more is a whole number.
    assert numbers["iterations"] % adapters.MULTIPLE == 0
    assert adapter.run(numbers).wall_ns == pytest.approx(5 * round_ns, rel=1e-6)


@pytest.mark.parametrize(
    ("given_up", "blocked"), [(None, None), (0, 0), (1, 0), (5, 0), (6, 1), (11, 2)]
)
def test_kernel_waits_that_does_so_in_every_round(
    adapter: adapters.KernelAdapter,
    monkeypatch: pytest.MonkeyPatch,
    given_up: int | None,
    blocked: int | None,
) -> None:
    monkeypatch.setattr(adapters, "blocked_since", lambda before: given_up)

    sample = adapter.run({"count": 5, "iterations": 1000})

    assert sample.blocked == blocked
