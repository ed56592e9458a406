"""The front door: exit code 1 is an answer, never an accident; an accident is one line, or one object for machines."""

import inspect
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from importlib import import_module
from textwrap import dedent

import numpy as np
import pytest
from command_line import asked, conforms

import monarch_theory
from monarch_theory.command import door, rooms, streams
from monarch_theory.command.rooms import ROOMS, Room
from monarch_theory.leaks.dependence import recheck
from monarch_theory.sandbox.limits import MEMORY


def monarch(*arguments, **options):
    command = [sys.executable, "-m", "monarch_theory.command", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)


def test_help_lists_the_rooms_and_imports_none_of_them():
    code = (
        "import sys; from monarch_theory.command.door import run; assert run(['-h']) == 0;"
        "print([m for m in ('numpy', 'sympy', 'scipy', 'flint', 'torch', 'matplotlib') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(room.name in shown for room in rooms.rooms())
    assert shown.endswith("[]\n")


def test_the_help_of_a_room_is_its_docstring():
    for room in rooms.rooms():
        assert room.help.split() == (room.load().__doc__ or "").split()


def test_rooms_of_the_package_come_first_and_are_not_replaced(monkeypatch):
    class Entry:
        name, module, attr = "causal", "elsewhere", "causal"

    monkeypatch.setattr(rooms, "entry_points", lambda group: [Entry()])
    assert rooms.rooms() == ROOMS


def test_the_version_is_that_of_the_distribution():
    assert monarch("--version").stdout == f"monarch {monarch_theory.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "monarch nonsense: No such command 'nonsense'."),
        (["causal"], "monarch causal: Missing argument 'FILE.py:NAME'."),
        (["causal", "a.py:f", "--n", "many"], "monarch causal: Invalid value for '--n': "),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_command_line_that_makes_no_sense_is_one_line_and_one_object(arguments, said, as_json):
    done = asked(*arguments, *["--json"] * as_json)
    assert done.exit_code == 2
    assert done.stderr.startswith(said) and done.stderr.count("\n") == 1
    if as_json:
        answer = json.loads(done.stdout)
        assert (answer["verdict"], answer["exit_code"], answer["outcome"]) == ("undecided", 2, "bad input")
        assert answer["reason"] in done.stderr
    else:
        assert done.stdout == ""


@pytest.mark.parametrize("word", ["--json=true", "--json=false", "--json="])
def test_who_asks_for_json_in_other_words_is_told_in_json(word):
    done = asked("causal", "a.py:f", word)
    assert done.exit_code == json.loads(done.stdout)["exit_code"] == 2 and "does not take a value" in done.stderr
    assert asked("causal", "a.py:f", "--", "--json").stdout == ""


def room(tmp_path, monkeypatch, body: str) -> str:
    """A subcommand named `visitor` that another package declares."""
    (tmp_path / "visiting.py").write_text(f"import sys\n\ndef visitor() -> None:\n    'Visit.'\n    {body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(door, "rooms", lambda: (*ROOMS, Room("visitor", "visiting", "visitor")))
    sys.modules.pop("visiting", None)
    return "visitor"


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("raise ZeroDivisionError('by zero')", 2, "a fault of monarch, not an answer: ZeroDivisionError: by zero"),
        ("raise MemoryError", 2, "memory: expected enough for what was asked, got none left"),
        ("sys.exit(1)", 2, ""),
        ("raise BrokenPipeError", 2, ""),
        ("open('w' * 300)", 2, f"{'w' * 300}: expected a file that can be used, got File name too long\n"),
        ("open('there/' + 'is/no')", 2, "there/is/no: expected a file that can be used, got No such file"),
        ("raise OSError(28, 'No space left on device')", 2, "the system: expected room for what was asked, got No sp"),
        ("raise BlockingIOError(11, 'Try again')", 2, "the system: expected room for what was asked, got Try again"),
        ("raise OSError('of nobody knows what')", 2, "a fault of monarch, not an answer: OSError: of nobody knows"),
        ("open(__import__('monarch_theory').__file__ + '.gone')", 2, "a fault of monarch, not an answer: FileNotFound"),
        ("raise KeyboardInterrupt", 130, "stopped"),
        ("import distributed_of_nobody", 2, "distributed_of_nobody: expected it installed"),
        (
            "raise __import__('typer').BadParameter('n: expected 3, got 4')",
            2,
            "n: expected 3",
        ),
        ("raise __import__('typer').Exit(1)", 1, ""),
        ("raise __import__('typer').Abort", 2, "a fault of monarch"),
        ("pass", 0, ""),
    ],
)
def test_only_an_answer_of_no_exits_with_1(body, code, said, tmp_path, monkeypatch, capsys):
    assert door.run([room(tmp_path, monkeypatch, body)]) == code
    assert said in capsys.readouterr().err


def test_a_crash_shows_where_it_happened_only_on_request(tmp_path, monkeypatch, capsys):
    name = room(tmp_path, monkeypatch, "raise ZeroDivisionError('by zero')")
    door.run([name])
    assert "Traceback" not in capsys.readouterr().err
    assert door.run([name, "--traceback"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("source", [None, "def visitor(:", "def another(): ...", "import nobody_has_this\n"])
def test_a_broken_plug_in_is_left_out_aloud_and_the_others_serve(source, tmp_path, monkeypatch, capsys):
    if source is not None:
        (tmp_path / "unwell.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(door, "rooms", lambda: (*ROOMS, Room("visitor", "unwell", "visitor")))
    sys.modules.pop("unwell", None)
    assert door.run(["--help"]) == 0
    shown = capsys.readouterr()
    assert "causal" in shown.out and "visitor of unwell is left out" in shown.err
    assert door.run(["visitor"]) == 2


def test_a_package_that_is_missing_says_which_extra_brings_it():
    extras = {
        "distributed": "dask", "dask": "dask", "torch": "torch", "triton": "triton", "cupy": "cupy", "cuda": "nvrtc",
        "tokenizers": "tokenizers", "transformers": "transformers", "onnx": "onnx", "sklearn": "digits",
        "safetensors": "torch",
    }  # fmt: skip
    for package, extra in extras.items():
        assert door.missing(ModuleNotFoundError(name=package)).endswith(f"'monarch-mixer-toolkit[{extra}]'")
    assert door.missing(ModuleNotFoundError(name="nobody")).endswith("pip install nobody")
    assert door.missing(ModuleNotFoundError(name="tor")).endswith("pip install tor")
    # the packages of this one are under no name of their own, and whoever took it would be installed
    assert door.missing(ModuleNotFoundError(name="monarch_gpu.bert")).endswith("pip install monarch-mixer-toolkit")
    assert door.missing(ModuleNotFoundError(name="sklearn.datasets")).startswith("scikit-learn: expected it installed")


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_what_the_door_itself_needs_is_missing_in_one_line(package):
    code = f"""
        import sys
        sys.modules[{package!r}] = None
        sys.argv = ["monarch", "causal", "model.py:past", "--json"]
        from monarch_theory.command import main
        main()
    """
    done = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == json.loads(done.stdout)["exit_code"] == 2
    assert done.stderr.count("\n") == 1 and "pip install" in done.stderr and package in done.stderr


def test_a_reader_who_leaves_early_does_not_change_the_answer(tmp_path):
    (tmp_path / "model.py").write_text("def future(x): return x[::-1]\n")
    command = [sys.executable, "-m", "monarch_theory.command", "causal", "model.py:future", "--n", "4"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 1


FULL = "standard output: expected room for the answer, got "


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize(
    ("redirection", "line", "code", "said"),
    [
        pytest.param("<&-", "causal model.py:future --n 4", 1, "", marks=pytest.mark.long),
        (">&-", "causal model.py:future --n 4", 1, ""),
        ("2>&-", "nonsense --json", 2, ""),
        ("<&- >&- 2>&-", "causal model.py:future --n 4", 1, ""),
        ("2>/dev/full", "nonsense", 2, ""),
        pytest.param(">/dev/full", "causal model.py:future --n 4", 2, FULL, marks=pytest.mark.long),
        (">/dev/full", "causal model.py:future --n 4 --json", 2, FULL),
        (">/dev/full", "--version", 2, FULL),
    ],
)
def test_no_answer_depends_on_a_stream_that_is_closed_or_full(redirection, line, code, said, tmp_path):
    if "/dev/full" in redirection and not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    (tmp_path / "model.py").write_text("def future(x): return x[::-1]\n")
    command = f"{shlex.quote(sys.executable)} -m monarch_theory.command {line} {redirection}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == code and said in done.stderr and done.stderr.count("\n") == bool(said), done
    if "--json" in line and ">/dev/full" not in redirection:
        assert json.loads(done.stdout)["exit_code"] == code


NOWHERE = "/proc/nowhere"
"""Where nobody may write, though the folder is there."""


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder in which nobody may write")
@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"express matrix.npy --write {NOWHERE}.safetensors", 0),
        (f"express matrix.npy --exact --certificate {NOWHERE}.json", 0),
        (f"express matrix.npy --png {NOWHERE}.png", 0),
        (f"causal model.py:past --n 4 --png {NOWHERE}.png", 0),
        (f"check model.py:multiply --op block-diagonal-multiply --cases 1 --script {NOWHERE}.py", 1),
        (f"picture digits {NOWHERE}.svg", 2),
    ],
)
@pytest.mark.usefixtures("child_at_hand", "kernel_at_hand")
def test_a_verdict_stands_though_what_was_to_be_written_cannot(line, code, tmp_path, monkeypatch):
    if ".safetensors" in line:
        pytest.importorskip("safetensors", reason="the extra `torch` is not installed")
    (tmp_path / "model.py").write_text("def past(x): return x\ndef multiply(x, blocks): return x\n")
    np.save(tmp_path / "matrix.npy", np.ones((4, 4), int))
    monkeypatch.chdir(tmp_path)
    answer = asked(*line.split(), "--json")
    assert answer.exit_code == code == json.loads(answer.stdout)["exit_code"], answer
    assert NOWHERE in answer.stderr and answer.stderr.count("\n") == 1 and "fault" not in answer.stderr


def test_stopping_is_one_line_whenever_it_comes():
    code = """
import sys
from monarch_theory.command import main
class Interrupted(type(sys)):
    def __getattr__(self, name):
        raise KeyboardInterrupt
sys.modules["monarch_theory.command.door"] = Interrupted("door")
main()
"""
    done = subprocess.run([sys.executable, "-c", code, "causal", "--json"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "monarch: stopped\n")
    answer = json.loads(done.stdout)
    assert (answer["exit_code"], answer["outcome"]) == (130, "stopped")
    conforms("causal", answer)


@pytest.mark.skipif(os.name != "posix", reason="needs signals as POSIX has them")
def test_ctrl_c_during_work_is_one_line(tmp_path):
    started = tmp_path / "started"
    touch = f"pathlib.Path({str(started)!r}).touch()"
    body = f"import pathlib, time\n\ndef slow(x):\n    {touch}\n    time.sleep(0.5)\n    return x\n"
    (tmp_path / "model.py").write_text(body)
    # a shell has what it runs in the background ignore Ctrl-C, and so the tests, if that is where they run
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heed}; from monarch_theory.command import main; main()"
    command = [sys.executable, "-c", code, "causal", "model.py:slow", "--n", "64"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not started.exists() and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.count("\n") == 1 and errors.endswith("stopped\n")


@pytest.mark.skipif(os.name != "posix", reason="needs signals as POSIX has them")
def test_sigterm_ends_the_children_and_is_one_line(tmp_path):
    started = tmp_path / "started"
    body = (
        "import os, pathlib, time\n\ndef slow(x):\n"
        f"    pathlib.Path({str(started)!r}).write_text(str(os.getpid()))\n    time.sleep(600)\n    return x\n"
    )
    (tmp_path / "model.py").write_text(body)
    command = [sys.executable, "-m", "monarch_theory.command", "causal", "model.py:slow", "--n", "8", "--json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not (started.exists() and started.read_text()) and time.monotonic() < end:
        time.sleep(0.05)
    process.terminate()
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 143 and errors == "monarch causal: stopped by SIGTERM\n"
    assert json.loads(out)["exit_code"] == 143
    child = int(started.read_text())
    while time.monotonic() < end:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


HOSTILE = "\x1b]0;title\x07\x1b[2J\x1b[8m\r\x9b31m\u202e\ud800"


@pytest.mark.parametrize("body", ["print(TEXT)", "raise ValueError(TEXT)", "raise BadParameter(TEXT)"])
def test_what_user_code_says_does_not_reach_the_terminal_as_codes(body, tmp_path, monkeypatch, capsys):
    body = body.replace("BadParameter", "__import__('typer').BadParameter")
    door.run([room(tmp_path, monkeypatch, body.replace("TEXT", ascii(HOSTILE)))])
    shown = capsys.readouterr()
    assert not set(shown.out + shown.err) & {"\x1b", "\x07", "\r", "\x9b", "\u202e", "\ud800"}
    assert "title" in shown.out + shown.err


FORGED = "a\nright  nothing is wrong"
"""A name that would be a line of its own in a report."""


def forging(folder, kind):
    """A command on a file whose name, or whose content's, is `FORGED`."""
    file = folder / FORGED
    if kind == "target":
        file.with_suffix(".py").write_text("def past(x): return x\n")
        return "causal", f"{file.with_suffix('.py')}:past", "--n", "4"
    if kind == "output":
        (folder / "model.py").write_text(f"def past(x): return {{{FORGED!r}: x, 'b': x}}\n")
        return "causal", f"{folder / 'model.py'}:past", "--n", "4"
    if kind == "written":
        return "picture", "digits", str(file.with_suffix(".svg"))
    if kind == "file":
        np.save(file.with_suffix(".npy"), np.eye(4))
        return "express", str(file.with_suffix(".npy"))
    np.savez(folder / "weights.npz", **{FORGED: np.eye(4)})
    return "express", f"{folder / 'weights.npz'}{f':{FORGED}' if kind == 'array' else ''}"


@pytest.mark.usefixtures("child_at_hand")
@pytest.mark.parametrize("kind", ["target", "output", "written", "file", "arrays", "array"])
def test_a_name_is_no_line_of_a_report(kind, tmp_path, capsys):
    assert door.run(list(forging(tmp_path, kind))) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    assert any(r"a\nright  nothing is wrong" in line for line in lines)
    assert not any(line.lstrip().startswith("right  nothing") for line in lines)


def test_what_a_certificate_says_is_no_line_of_a_report(tmp_path, monkeypatch, capsys):
    def refused(file):
        raise recheck.CertificateError(f"expected a step, got {FORGED}")

    monkeypatch.setattr(recheck, "recheck_file", refused)
    (tmp_path / "certificate.json").write_text("{}")
    assert door.run(["recheck", str(tmp_path / "certificate.json")]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_names_that_are_one_once_spelled_out_are_refused(tmp_path, capsys):
    np.savez(tmp_path / "weights.npz", **{"a\nb": np.eye(4), r"a\nb": np.eye(4)})
    assert door.run(["express", str(tmp_path / "weights.npz")]) == 2
    assert "names that differ" in capsys.readouterr().err


def test_a_text_that_is_no_name_keeps_its_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a\nb").touch()
    shown = io.StringIO()
    out = streams.Patient(shown, ["--op=a\nb:past", "once\nupon", "--prompt=once\nmore"])
    out.write("a\nb:past once\nupon once\nmore")
    assert shown.getvalue() == "a\\nb:past once\nupon once\nmore"


def test_a_terminal_without_the_letters_still_gets_the_verdict(tmp_path):
    (tmp_path / "model.py").write_text("def past(x): return x\n")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = monarch("causal", "model.py:past", "--n", "4", cwd=tmp_path, env=environment)
    assert done.returncode == 0 and done.stdout.startswith("causal")


@pytest.mark.parametrize(("code", "verdict"), [(1, "no"), (2, "undecided")])
def test_a_command_that_ends_without_a_word_is_one_object_all_the_same(code, verdict, tmp_path, monkeypatch, capsys):
    (tmp_path / "visiting.py").write_text(
        "import typer\n\ndef visitor(j: bool = typer.Option(False, '--json')) -> None:\n"
        f"    'Visit.'\n    raise typer.Exit({code})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(door, "rooms", lambda: (*ROOMS, Room("visitor", "visiting", "visitor")))
    sys.modules.pop("visiting", None)
    assert door.run(["visitor", "--json"]) == code
    answer = json.loads(capsys.readouterr().out)
    assert (answer["verdict"], answer["exit_code"], answer["outcome"]) == (verdict, code, "no answer")


def test_limits_are_the_same_at_the_command_line_and_in_python():
    shell, python = {}, {}
    for command in ("causal", "check", "express"):
        parameters = inspect.signature(next(r for r in ROOMS if r.name == command).load()).parameters
        shell[command] = parameters["timeout"].default, parameters["memory"].default
    for command, name in (
        ("causal", "leaks.files:check_file"),
        ("check", "testing.check:check"),
        ("express", "sandbox:Sandbox"),
    ):
        module, _, attribute = name.partition(":")
        parameters = inspect.signature(getattr(import_module(f"monarch_theory.{module}"), attribute)).parameters
        python[command] = parameters["timeout"].default, parameters["memory"].default
    assert shell == python and {memory for _, memory in shell.values()} == {MEMORY}


def test_a_format_has_all_its_names_wherever_one_is_asked_for(tmp_path):
    for name, full in (("fp32", "float32"), ("half", "float16"), ("fp64", "float64")):
        assert monarch_theory.check_callable(lambda x: x, 4, dtype=name).dtype == full
        assert json.loads(
            asked("check-op", "block-diagonal-multiply", "--dtype", name, "--cases", "1", "--json").stdout
        )
    (tmp_path / "model.py").write_text("def past(x): return x\n")
    answer = json.loads(asked("causal", f"{tmp_path}/model.py:past", "--n", "4", "--dtype", "fp16", "--json").stdout)
    assert (answer["verdict"], answer["dtype"]) == ("causal", "float16")


def test_every_name_of_the_library_is_where_it_says():
    for name in monarch_theory.__all__:
        assert getattr(monarch_theory, name) is not None
    for home in monarch_theory.HOMES.values():
        module, _, attribute = home.partition(":")
        assert hasattr(import_module(f"monarch_theory.{module}"), attribute)
    assert set(monarch_theory.HOMES) == set(monarch_theory.__all__) - {"__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        monarch_theory.nonsense  # noqa: B018


@pytest.mark.parametrize(
    ("used", "left_out"),
    [
        ("__name__", ("numpy", "scipy", "sympy", "flint", "typer", "torch", "matplotlib")),
        ("Monarch", ("scipy", "sympy", "typer", "torch", "matplotlib")),
        ("fourier", ("scipy", "sympy", "typer", "torch", "matplotlib")),
        ("decide_causality", ("scipy", "sympy", "typer", "torch", "matplotlib")),
        ("CausalMonarch", ("scipy", "sympy", "typer", "torch", "matplotlib")),
        ("check_callable", ("scipy", "sympy", "flint", "typer", "torch", "matplotlib")),
        ("check_kernel", ("sympy", "typer", "torch", "matplotlib")),
        ("is_member", ("sympy", "typer", "torch", "matplotlib")),
    ],
)
def test_a_name_of_the_library_loads_what_it_needs(used, left_out):
    code = f"import sys, monarch_theory as mt; mt.{used}; print([m for m in {left_out} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


HEAVY = ("scipy", "sympy", "flint", "torch", "matplotlib", "hypothesis")
ABOUT_MATRICES = ("express", "choose", "atlas", "user_matrix", "user_operator", "causal_exact")


@pytest.mark.parametrize(
    ("commands", "heavy"),
    [
        (("causal", "check", "campaign", "exercise", "prove", "recheck"), HEAVY),
        (ABOUT_MATRICES, [name for name in HEAVY if name not in ("scipy", "flint")]),
    ],
)
def test_a_command_loads_what_it_needs_when_it_runs(commands, heavy):
    """Those about matrices load no algebra of symbols before it is used. All in one process: the first that does."""
    code = f"""
import sys
from importlib import import_module
for command in {commands}:
    import_module("monarch_theory.command." + command)
    if loaded := [m for m in {heavy} if m in sys.modules]:
        sys.exit(f"{{command}}: {{loaded}}")
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr == ""
