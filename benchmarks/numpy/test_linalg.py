"""What linear algebra costs, which numpy leaves to a BLAS and a LAPACK.

BLAS is held to one thread, and `extra_info["blas"]` says which it is: these rows
compare two interpreters only where it is the same.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.benchmark(group="linalg", max_time=0.2)

DECOMPOSED = 64
SPLIT = 512  # side of a product that is worth a second thread


def square(np: ModuleType, side: int) -> Any:
    """Make a square matrix, the same in every run and far from singular."""
    return np.random.default_rng(seed=1).random((side, side)) + side * np.eye(side)


@pytest.mark.parametrize("side", [8, 256], ids=lambda side: f"side={side}")
def test_benchmark_numpy_matmul(
    benchmark: BenchmarkFixture, np: ModuleType, side: int
) -> None:
    """Multiply two square matrices of floats.

    One operation is one whole product with its new matrix. Expect 0.8 to 2 us for
    8 x 8, nearly all of it the way to BLAS; 0.5 to 2 ms for 256 x 256, where the
    33 million floating-point operations are all there is.
    """
    matrix = square(np, side)
    benchmark.extra_info["flops"] = 2 * side**3
    result = benchmark(np.matmul, matrix, matrix)
    assert np.allclose(result[0], matrix[0] @ matrix)


@pytest.mark.parametrize(
    "blas_threads",
    [
        pytest.param(1, id="threads=1"),
        pytest.param(2, id="threads=2", marks=pytest.mark.needs("threadpoolctl")),
    ],
)
def test_benchmark_numpy_matmul_blas(
    benchmark: BenchmarkFixture, np: ModuleType, blas_threads: int
) -> None:
    """Multiply two matrices of 512 x 512 with one or two threads inside BLAS.

    One operation is one whole product, 268 million floating-point operations:
    expect 4 to 15 ms with one thread and little more than half with two on two
    CPUs, on every build. These are not Python's threads, and no GIL is asked. Where
    something else keeps one of the CPUs busy, the two wait for each other, and two
    threads take several times as long as one.
    """
    matrix = square(np, SPLIT)
    benchmark.extra_info["flops"] = 2 * SPLIT**3
    result = benchmark(np.matmul, matrix, matrix)
    assert np.allclose(result[0], matrix[0] @ matrix)


def test_benchmark_numpy_matmul_integers(
    benchmark: BenchmarkFixture, np: ModuleType
) -> None:
    """Multiply two matrices of 64 x 64 integers.

    One operation is one whole product, without BLAS, which knows no integers:
    numpy's own three loops. Expect 60 to 300 us, ten times a product of floats of
    that size and more.
    """
    matrix = np.arange(DECOMPOSED**2).reshape(DECOMPOSED, DECOMPOSED) % 10
    result = benchmark(np.matmul, matrix, matrix)
    assert (result == (matrix.astype(float) @ matrix.astype(float))).all()


def test_benchmark_numpy_matvec(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Multiply a matrix of 256 x 256 with a vector.

    One operation is one whole product. Expect 5 to 20 us: every element of the
    matrix is used once, so the cache's bandwidth decides and not the arithmetic.
    """
    matrix, vector = square(np, 256), np.ones(256)
    result = benchmark(np.matmul, matrix, vector)
    assert np.allclose(result, matrix.sum(axis=1))


def test_benchmark_numpy_solve(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Solve 64 linear equations.

    One operation is one `linalg.solve`: a copy, LAPACK's LU decomposition with
    pivots, and numpy's checks in Python. Expect 15 to 120 us.
    """
    matrix, right = square(np, DECOMPOSED), np.ones(DECOMPOSED)
    result = benchmark(np.linalg.solve, matrix, right)
    assert np.allclose(matrix @ result, right)


@pytest.mark.parametrize("kind", ["general", "symmetric"], ids=lambda k: f"kind={k}")
def test_benchmark_numpy_eigenvalues(
    benchmark: BenchmarkFixture, np: ModuleType, kind: str
) -> None:
    """Find the eigenvalues of a matrix of 64 x 64.

    One operation is one `linalg.eigvals` or, for the symmetric one, `eigvalsh`.
    Expect 0.4 to 4 ms for the general matrix, whose eigenvalues are found by
    iterating; the symmetric one takes a fifth to a tenth of that.
    """
    matrix = square(np, DECOMPOSED)
    if kind == "symmetric":
        matrix = matrix + matrix.T
    find: Callable[..., Any] = {
        "general": np.linalg.eigvals,
        "symmetric": np.linalg.eigvalsh,
    }[kind]
    result = benchmark(find, matrix)
    assert np.isclose(result.sum(), np.trace(matrix))


def test_benchmark_numpy_svd(benchmark: BenchmarkFixture, np: ModuleType) -> None:
    """Decompose a matrix of 64 x 64 into singular vectors and values.

    One operation is one `linalg.svd` with both sets of vectors. Expect 0.3 to 3 ms.
    """
    matrix = square(np, DECOMPOSED)
    left, values, right = benchmark(np.linalg.svd, matrix)
    assert np.allclose((left * values) @ right, matrix)
