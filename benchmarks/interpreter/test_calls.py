"""What one call costs, by the kind of thing called.

Each row calls something that does nothing and drops the result.
"""

from collections.abc import Callable
from functools import partial

import pytest

from pybench.target.plugin import Kernel

pytestmark = pytest.mark.benchmark(group="calls")

Statement = Callable[..., object]


def nothing() -> None:
    """Do nothing."""


def nothing_with(first: object, second: object, third: object = None) -> None:
    """Take arguments and do nothing."""


def nothing_with_any(*args: object, **kwargs: object) -> None:
    """Take whatever arguments and do nothing."""


class Target:
    """Things to call that belong to a class."""

    def method(self) -> None:
        """Do nothing."""

    @classmethod
    def class_method(cls) -> None:
        """Do nothing."""

    @staticmethod
    def static_method() -> None:
        """Do nothing."""

    def __call__(self) -> None:
        """Do nothing."""


class Derived(Target):
    """A class whose method goes on to its parent's."""

    def method(self) -> None:
        """Do nothing, by way of the parent."""
        super().method()


def test_benchmark_interpreter_call_function(statement: Statement) -> None:
    """Call a Python function without arguments.

    One operation is the call, the return of None and dropping it. Expect 10 to
    25 ns: since 3.11 the interpreter enters a Python function without recursing in
    C, and the call is specialized.
    """
    statement("function()", function=nothing)


def test_benchmark_interpreter_call_positional(statement: Statement) -> None:
    """Call a Python function of three parameters with two positional arguments.

    One operation is the call, with two constants passed and a default filled in.
    Expect 15 to 40 ns, a few more than `call_function`.
    """
    statement("function(1, 2)", function=nothing_with)


def test_benchmark_interpreter_call_keywords(statement: Statement) -> None:
    """Call a Python function with one positional and two keyword arguments.

    One operation is the call, with names matched to parameters. Expect up to twice
    `call_positional`: the names are compared with the parameters' at every call.
    """
    statement("function(1, second=2, third=3)", function=nothing_with)


def test_benchmark_interpreter_call_unpacked(statement: Statement) -> None:
    """Forward `*args` and `**kwargs` to a function that takes them so.

    One operation is one call: a tuple and a dict are made for the caller and
    packed again for the callee. The originals are made once, outside. Expect
    several times `call_function`, nearly all of it in making containers.
    """
    statement(
        "function(*args, **kwargs)",
        function=nothing_with_any,
        args=(1, 2),
        kwargs={"third": 3},
    )


def test_benchmark_interpreter_call_method(statement: Statement) -> None:
    """Call a method of an instance.

    One operation is the look-up of the method and the call; no bound method object
    is made. Expect about `call_function`: what is added is a check that the class
    is the one this site has seen.
    """
    statement("target.method()", target=Target())


def test_benchmark_interpreter_call_super(statement: Statement) -> None:
    """Call a method that calls its parent's through `super()`.

    One operation is both calls. 3.12 gave `super().method()` an instruction of its
    own; before it, each use made and dropped a `super` object. Expect two calls and
    a look-up along the classes, which is cached but not specialized away.
    """
    statement("target.method()", target=Derived())


def test_benchmark_interpreter_call_classmethod(statement: Statement) -> None:
    """Call a class method through its class.

    One operation is the look-up, the binding to the class and the call. Expect
    more than `call_method` where the binding makes a method object.
    """
    statement("target.class_method()", target=Target)


def test_benchmark_interpreter_call_staticmethod(statement: Statement) -> None:
    """Call a static method through its class.

    One operation is the look-up and the call; nothing is bound. Expect about
    `call_function` and one attribute read.
    """
    statement("target.static_method()", target=Target)


def test_benchmark_interpreter_call_instance(statement: Statement) -> None:
    """Call an instance whose class defines `__call__`.

    One operation is the call by way of the type's slot, which recurses in C.
    Expect two to four times `call_method`.
    """
    statement("target()", target=Target())


def test_benchmark_interpreter_call_partial(statement: Statement) -> None:
    """Call a `functools.partial` of a Python function.

    One operation is the call of the C object, which joins the arguments and calls
    the Python function through the vectorcall protocol. Expect two to four times
    `call_function`, for leaving the interpreter loop and entering it again.
    """
    statement("function(2)", function=partial(nothing_with, 1))


def test_benchmark_interpreter_call_builtin(statement: Statement) -> None:
    """Call a C function of one argument, `abs` of a small positive integer.

    One operation is the call into C and the drop of a number that exists already.
    `len` is left to others: it has an instruction of its own. Expect 10 to 25 ns.
    """
    statement("function(1)", function=abs)


@pytest.mark.parametrize("kind", ["c", "noargs", "one", "keywords"])
def test_benchmark_interpreter_calls_c(kernel: Kernel, kind: str) -> None:
    """Call a C function from C: through a pointer (the control), then as built-ins.

    A native row. Expect 1 ns for the control, 3 to 6 ns for a built-in function
    without arguments or of one, and more for one that takes a tuple and a dict, even
    if it is given neither. Source: PEP 590.
    """
    kernel("calls_call", kind=kind)


@pytest.mark.parametrize("kind", ["python", "argument", "method", "instance"])
def test_benchmark_interpreter_calls_python(kernel: Kernel, kind: str) -> None:
    """Call something written in Python from C, as `sorted` calls its key.

    A native row. Expect 15 to 40 ns, more than from bytecode, where the interpreter
    does not have to be entered again.
    """
    kernel("calls_call", kind=kind)


def test_benchmark_interpreter_calls_type(kernel: Kernel) -> None:
    """Call a class written in C from C: `object()`.

    A native row. Expect 15 to 30 ns, most of it the object.
    """
    kernel("calls_call", kind="type")


@pytest.mark.threads(2)
@pytest.mark.parametrize("layout", ["private", "shared"])
def test_benchmark_interpreter_calls_method_two(kernel: Kernel, layout: str) -> None:
    """Call a Python method from C on two threads, of one instance or one for each.

    A native row; with the GIL the threads are serialised. Expect the shared one to cost
    two times and more on a free-threaded build: the instance's count is contended.
    """
    kernel("calls_call", kind="method", layout=layout, threads=2)


@pytest.mark.parametrize("kind", ["found", "of_class", "missing"])
def test_benchmark_interpreter_calls_attribute(kernel: Kernel, kind: str) -> None:
    """Look an attribute up from C: in the instance, in its class, or in vain.

    A native row. Expect 8 to 20 ns for the first two, and 100 to 300 ns in vain: an
    AttributeError is made, and dropped.
    """
    kernel("calls_attribute", kind=kind)
