"""The module declares itself, loads everywhere and never turns the GIL on."""

import contextlib
import inspect
import re
import subprocess
import sys
import sysconfig
import textwrap

import pytest

import _pybench

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def run_child(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that can import the extension."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_build_says_what_it_was_compiled_with() -> None:
    build = _pybench.BUILD

    assert set(build) == {"compiler", "flags", "flavour", "free_threaded", "mutant"}
    assert build["free_threaded"] is FREE_THREADED
    assert build["mutant"] is False
    assert build["compiler"].split()[0] in {"gcc", "clang"}
    assert build["flavour"] in {"release", "debug", "asan", "tsan"}
    assert build["flags"] != "unknown"


def test_every_listed_kernel_is_a_function_with_signature_and_units() -> None:
    assert _pybench.KERNELS
    for name, entry in _pybench.KERNELS.items():
        kernel = getattr(_pybench, name)
        parameters = inspect.signature(kernel).parameters
        assert name.startswith(entry["area"] + "_")
        assert list(parameters)[:4] == ["iterations", "rounds", "threads", "pin"]
        assert all(
            parameter.kind is inspect.Parameter.KEYWORD_ONLY
            for parameter in list(parameters.values())[1:]
        )
        assert "Returns a list with one KernelResult per round" in kernel.__doc__


def test_every_kernel_names_the_c_function_of_its_loop() -> None:
    """The one that its arguments choose."""
    loops = {}
    for name, entry in _pybench.KERNELS.items():
        # Of some that are there, the default needs a newer CPython.
        with contextlib.suppress(NotImplementedError):
            loops[name] = (
                "" if entry["missing"] else getattr(_pybench, name)(10)[0].loop
            )
    odd = {name: loop for name, loop in loops.items() if re.search(r"[^a-z_]", loop)}
    there = [name for name in loops if not _pybench.KERNELS[name]["missing"]]
    forms = {
        form: _pybench.refcount_pair(10, form=form)[0].loop
        for form in ("paired", "chained", "strided")
    }
    batches = [_pybench.churn_create(10, kind="dict", batch=b)[0].loop for b in (1, 5)]

    assert odd == {}
    assert len(there) > 10
    assert all(loops[name] for name in there)
    assert forms == {form: f"refcount_{form}_loop" for form in forms}
    assert batches == ["churn_dict_loop", "churn_dict_batch_loop"]


def test_every_function_with_a_kernel_signature_is_listed() -> None:
    kernels = {
        name
        for name, value in vars(_pybench).items()
        if inspect.isbuiltin(value)
        and "iterations" in (getattr(value, "__text_signature__", None) or "")
    }

    assert kernels == set(_pybench.KERNELS)


def test_kernels_that_are_missing_say_why_and_raise() -> None:
    for name, entry in _pybench.KERNELS.items():
        if entry["missing"]:
            with pytest.raises(NotImplementedError, match=re.escape(entry["missing"])):
                getattr(_pybench, name)(1)


def test_importing_does_not_turn_the_gil_on() -> None:
    child = run_child(
        """
        import sys, warnings
        warnings.simplefilter("error")
        before = getattr(sys, "_is_gil_enabled", lambda: True)()
        import _pybench
        after = getattr(sys, "_is_gil_enabled", lambda: True)()
        assert _pybench.BUILD
        print(before, after)
        """
    )

    assert child.returncode == 0, child.stderr
    before, after = child.stdout.split()
    assert before == after


def test_second_import_makes_a_second_module() -> None:
    child = run_child(
        """
        import sys, _pybench
        first = _pybench
        del sys.modules["_pybench"]
        import _pybench
        assert first is not _pybench
        assert first.KernelResult is not _pybench.KernelResult
        first.stopwatch_arm()
        try:
            _pybench.stopwatch()
        except RuntimeError:
            print("apart")
        """
    )

    assert child.stdout == "apart\n", child.stderr


SUBINTERPRETER = """
    try:
        from concurrent import interpreters
        run = lambda code: interpreters.create().exec(code)
    except ImportError:
        import importlib
        low = importlib.import_module(
            "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
        def run(code):
            number = low.create()
            failure = low.run_string(number, code)
            assert not failure, failure
            low.destroy(number)
"""


def test_kernels_run_in_a_subinterpreter() -> None:
    child = run_child(
        "    import sys"
        + SUBINTERPRETER
        + """
    import _pybench
    run('''if True:
        import _pybench
        (result,) = _pybench.refcount_pair(5000, threads=2)
        assert result.operations == (5000, 5000)
        (result,) = _pybench.yardstick_alu(5000)
        assert result.operations == (5000,)
        print("inner", flush=True)
    ''')
    assert _pybench.refcount_pair(10)[0].operations == (10,)
    print("outer")
    """
    )

    assert child.returncode == 0, child.stderr
    assert child.stdout == "inner\nouter\n"


def test_kernels_refuse_when_their_subinterpreter_is_finalizing() -> None:
    child = run_child(
        "    import sys"
        + SUBINTERPRETER
        + """
    run('''if True:
        import _pybench, os
        class Late:
            def __del__(self, run=_pybench.refcount_pair, write=os.write):
                try:
                    run(1000)
                    write(1, b"ran")
                except RuntimeError as error:
                    write(1, str(error).encode())
        late = Late()
    ''')
    """
    )

    assert child.returncode == 0, child.stderr
    assert "cannot run while the interpreter shuts down" in child.stdout


def test_kernels_run_in_a_forked_child() -> None:
    child = run_child(
        """
        import os, _pybench
        _pybench.refcount_pair(1000, threads=2)
        pid = os.fork()
        if pid == 0:
            (result,) = _pybench.refcount_pair(1000, threads=2)
            os._exit(0 if result.operations == (1000, 1000) else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """
    )

    assert child.stdout == "0\n", child.stderr


def test_kernels_run_at_exit_and_refuse_when_the_interpreter_is_finalizing() -> None:
    child = run_child(
        """
        import atexit, os, _pybench

        class Late:
            def __del__(self, run=_pybench.refcount_pair, write=os.write):
                try:
                    run(1000)
                    write(1, b"ran\\n")
                except RuntimeError as error:
                    write(1, str(error).encode())

        atexit.register(lambda: print(
            _pybench.refcount_pair(1000)[0].operations, flush=True))
        late = Late()
        """
    )

    assert child.returncode == 0, child.stderr
    assert child.stdout.splitlines()[0] == "(1000,)"
    assert "cannot run while the interpreter shuts down" in child.stdout


def test_a_daemon_thread_in_a_kernel_does_not_stop_the_interpreter_from_exiting() -> (
    None
):
    child = run_child(
        """
        import threading, time, _pybench
        for kernel in (_pybench.refcount_pair, _pybench.yardstick_alu):
            threading.Thread(
                target=kernel, args=(10**12,), kwargs={"threads": 2}, daemon=True
            ).start()
        time.sleep(0.2)
        print("leaving", flush=True)
        """
    )

    assert child.returncode == 0, child.stderr
    assert child.stdout == "leaving\n"
