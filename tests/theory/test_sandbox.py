"""What crosses between the processes, and how each ending is told from the others."""

import json
import os
import subprocess
import sys
from ctypes.util import find_library

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from monarch_theory.sandbox import Outcome, Sandbox, SandboxError, wire

MODEL = """
import os, sys, time
import json
import subprocess
import sys

import numpy as np
state = []
def double(x): return 2 * x
def several(x, y): return x + y, [x, {"y": y}], 3.5
def counts(x): state.append(1); return x + len(state)
def killed(x): os.kill(os.getpid(), 11)
def shouts(x): print("x" * 10**7); return x
def children(x):
    import subprocess; subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]); return x
def big(x): return np.ones(3 * 10**6)
def corrupts(x):
    for descriptor in range(3, 256):
        try: os.write(descriptor, b"z" * 8)
        except OSError: pass
    return x
def only_says_so(x):
    print("MemoryError: std::bad_alloc, out of memory", flush=True); os.abort()
def raises_words(x): raise RuntimeError("DefaultCPUAllocator: out of memory, std::bad_alloc")
def native_words(x): return np.empty(3).reshape(np.zeros(2, int), order="out of memory")
def maps(x):
    import mmap; mmap.mmap(-1, 1 << 46)
def throws(x):
    import ctypes; ctypes.CDLL("libstdc++.so.6")["_ZSt17__throw_bad_allocv"]()
def throws_in_a_thread(x):
    import ctypes, threading
    threading.Thread(target=ctypes.CDLL("libstdc++.so.6")["_ZSt17__throw_bad_allocv"]).start(); time.sleep(20)
def throws_something_else(x):
    import ctypes; ctypes.CDLL("libstdc++.so.6")["_ZSt20__throw_length_errorPKc"](b"std::bad_alloc")
"""

SHORT = """
raise ImportError("failed to map segment from shared object: cannot allocate memory")
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.py"
    path.write_text(MODEL)
    return path


@given(
    st.lists(
        st.sampled_from(wire.DTYPES).flatmap(lambda d: arrays.arrays(d, arrays.array_shapes(min_dims=0, min_side=0)))
    )
)
def test_arrays_survive_the_wire(values):
    message = wire.encode({"do": "x"}, tuple(values))
    place = 0

    def read(size):
        nonlocal place
        place += size
        return message[place - size : place]

    header, back = wire.receive(read)
    assert header == {"do": "x"} and place == len(message)
    for a, b in zip(values, back, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("array", [np.array([None]), np.array(["a"]), np.zeros(1, "longdouble")])
def test_other_dtypes_do_not_cross(array):
    with pytest.raises(ValueError, match="dtype: expected one of"):
        wire.encode({}, (array,))


def test_garbage_is_refused():
    with pytest.raises(ValueError, match="header: expected at most"):
        wire.receive(lambda size: b"\xff" * size)


def test_several_arrays_and_state(file):
    with Sandbox(file, "several") as model:
        assert model.load().faces == ("numpy",)
        outputs = model.evaluate(np.arange(3.0), np.ones(3), every=True)
        assert [o.tolist() for o in outputs] == [[1, 2, 3], [0, 1, 2], [1, 1, 1]] and model.count == 3
    with Sandbox(file, "counts") as model:
        model.load()
        assert [float(model.evaluate(np.zeros(1))[0][0]) for _ in range(3)] == [1, 2, 3]
        model.reload()
        assert model.evaluate(np.zeros(1))[0] == 1


@pytest.mark.parametrize(
    ("name", "outcome"), [("killed", Outcome.CRASH), ("absent", Outcome.NAME_MISSING), ("state", Outcome.NOT_CALLABLE)]
)
def test_outcomes(file, name, outcome):
    with Sandbox(file, name, timeout=20) as model, pytest.raises(SandboxError) as caught:
        model.load()
        model.evaluate(np.zeros(3))
    assert caught.value.outcome is outcome


LIBSTDCXX = find_library("stdc++")


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("only_says_so", Outcome.CRASH),
        ("raises_words", Outcome.EXCEPTION),
        ("native_words", Outcome.EXCEPTION),
        ("maps", Outcome.OUT_OF_MEMORY),
        ("throws", Outcome.OUT_OF_MEMORY),
        ("throws_in_a_thread", Outcome.OUT_OF_MEMORY),
        ("throws_something_else", Outcome.CRASH),
    ],
)
def test_memory_is_short_where_an_allocation_failed_and_not_where_words_say_so(file, name, outcome):
    if name.startswith("throws") and LIBSTDCXX is None:
        pytest.skip("there is no libstdc++")
    with Sandbox(file, name, timeout=20) as model, pytest.raises(SandboxError) as caught:
        model.load()
        model.evaluate(np.zeros(3))
    assert caught.value.outcome is outcome, caught.value


def test_a_file_that_speaks_of_memory_has_not_run_short_of_it(tmp_path):
    (tmp_path / "model.py").write_text(SHORT)
    with Sandbox(tmp_path / "model.py", "f", timeout=20) as model, pytest.raises(SandboxError) as caught:
        model.load()
    assert caught.value.outcome is Outcome.IMPORT_ERROR


def test_writing_over_the_connection_is_a_crash(file):
    with Sandbox(file, "corrupts", timeout=20) as model:
        model.load()
        with pytest.raises(SandboxError) as caught:
            model.evaluate(np.zeros(3))
    assert caught.value.outcome is Outcome.CRASH


@pytest.mark.parametrize("name", ["shouts", "children", "big"])
def test_loud_and_large_models_answer(file, name):
    with Sandbox(file, name, timeout=30) as model:
        model.load()
        assert model.evaluate(np.zeros(3))[0].dtype == np.float64


def test_time_is_shared_by_all_calls(file):
    with Sandbox(file, "double", timeout=20) as model:
        model.load()
        before = model.remaining
        model.evaluate(np.zeros(3))
        assert 0 < model.remaining < before <= 20


ARRAY = {"dtype": "float32", "shape": [2]}
FORGED = [
    b"[" * 5000,
    b'{"header": {"count": ' + b"9" * 10_000 + b'}, "arrays": []}',
    b"\xff\xfe\xfd",
    *(
        json.dumps(message).encode()
        for message in (
            5,
            {"header": {}},
            {"header": 5, "arrays": []},
            {"header": [], "arrays": []},
            {"header": {"outcome": "PWNED", "message": "x"}, "arrays": []},
            {"header": {"outcome": [], "message": "x"}, "arrays": []},
            {"header": {"outcome": "CRASH", "message": None}, "arrays": []},
            {"header": {}, "arrays": [5]},
            {"header": {}, "arrays": [ARRAY | {"dtype": []}]},
            {"header": {}, "arrays": [ARRAY | {"shape": [0.5]}]},
            {"header": {}, "arrays": [ARRAY | {"shape": [float("inf")]}]},
            {"header": {}, "arrays": [ARRAY | {"shape": [True]}]},
            {"header": {}, "arrays": [ARRAY | {"shape": [1 << 40, 1 << 40]}]},
            {"header": {}, "arrays": [ARRAY | {"shape": [-1]}]},
        )
    ),
]


@pytest.mark.parametrize("text", FORGED, ids=range(len(FORGED)))
def test_forged_messages_are_refused_before_any_array_is_read(text):
    parts = iter([len(text).to_bytes(8, "big"), text])
    with pytest.raises(ValueError, match=r"\w"):
        wire.receive(lambda size: next(parts))


SHORTAGE = """
import errno, sys
from monarch_theory.sandbox.shortage import errors, forget_errors, notice_errors, ran_short

number = errors()  # gives the place of the system's error number

def native(found):
    number()[0] = found
    held = {1: 1}
    for key in held:
        held[key + 1] = 1  # the size of a dictionary changes: a RuntimeError that no statement raises

def cleaned_up(found):
    try:
        native(found)
    except RuntimeError:
        number()[0] = errno.ENOTTY  # as printing leaves it
        raise

def raised_again(found):
    try:
        native(found)
    except RuntimeError as error:
        number()[0] = errno.ENOTTY
        raise error

def of_its_own(found):
    number()[0] = found
    raise RuntimeError("out of memory")

def seen(function, found):
    forget_errors()
    try:
        function(found)
    except RuntimeError as error:
        return ran_short(error)

notice_errors()
for function in (native, cleaned_up, raised_again, of_its_own):
    print(function.__name__, seen(function, errno.ENOMEM), seen(function, 0))
"""


def test_what_code_does_before_an_error_arrives_does_not_hide_that_memory_ran_short():
    """Before Python 3.12 nothing tells where an error was raised, and such a one is an exception like others."""
    told = sys.version_info >= (3, 12)
    shown = subprocess.run([sys.executable, "-c", SHORTAGE], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [
        "native True False",
        f"cleaned_up {told} False",
        f"raised_again {told} False",
        "of_its_own False False",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="needs the list of open files that Linux keeps")
def test_nothing_stays_open(tmp_path):
    """What a child prints is read from a pipe, which is closed when it ends, and not when garbage is looked for."""
    (tmp_path / "model.py").write_text("def f(x): return x\n")
    before, kept = len(os.listdir("/proc/self/fd")), []
    for _ in range(3):
        with Sandbox(tmp_path / "model.py", "f") as sandbox:
            sandbox.load()
        kept.append(sandbox)
    assert len(os.listdir("/proc/self/fd")) == before
