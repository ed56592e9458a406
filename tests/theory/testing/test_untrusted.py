"""Kernels that want to fool the judge: none is called right, and honest ones still are."""

import json

import pytest
import typer
from typer.testing import CliRunner

from monarch_theory.command.check import check as command
from monarch_theory.sandbox.confinement import walls_here
from monarch_theory.testing.cases import cases
from monarch_theory.testing.check import check
from monarch_theory.testing.exploits import EXPLOITS, HONEST, try_exploits
from monarch_theory.testing.exploits.corpus import FOLDER, KINDS
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.ops import op_named
from monarch_theory.testing.report import as_dict, as_text
from monarch_theory.testing.secret import unforeseen

needs_walls = pytest.mark.skipif(bool(walls_here().lacking()), reason=walls_here().lacking())

SAMPLE = (
    "patches_whatever_serves", "forges_a_refusal", "reads_the_judges_memory", "knows_the_seed", "remembers_by_address",
    "a_thread_spoils_it_later", "recognises_the_poison", "right_for_listed_sizes_only", "a_lazy_object",
    "refuses_what_it_cannot",
)  # fmt: skip


def test_the_corpus_covers_every_class():
    assert len(EXPLOITS) >= 40 and len(HONEST) >= 10
    assert {exploit.kind for exploit in EXPLOITS} == set(KINDS)
    assert {f"{one.name}.py.txt" for one in (*EXPLOITS, *HONEST)} == {file.name for file in FOLDER.iterdir()}


@pytest.mark.parametrize("one", [*EXPLOITS, *HONEST], ids=lambda one: one.name)
def test_every_kernel_of_the_corpus_compiles(one):
    compile(one.source, one.name, "exec")
    assert one.source.startswith('"""') and "def kernel(x, blocks" in one.source


@needs_walls
@pytest.mark.parametrize("name", SAMPLE)
def test_a_cheat_is_stopped(name):
    (tried,) = try_exploits([exploit for exploit in EXPLOITS if exploit.name == name])
    assert tried.stopped, tried.message


@needs_walls
@pytest.mark.parametrize("name", ["honest_compiled", "honest_into_out", "honest_children"])
def test_an_honest_kernel_is_right(name):
    (tried,) = try_exploits([honest for honest in HONEST if honest.name == name])
    assert tried.verdict is Verdict.RIGHT, tried.message


@needs_walls
@pytest.mark.long
def test_every_cheat_is_stopped():
    assert [tried.kernel.name for tried in try_exploits(EXPLOITS) if not (tried.stopped or tried.missing_wall)] == []


@needs_walls
@pytest.mark.long
def test_no_honest_kernel_is_blamed():
    assert [tried for tried in try_exploits(HONEST) if tried.verdict is not Verdict.RIGHT] == []


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    path = tmp_path_factory.mktemp("honest") / "kernel.py"
    path.write_text(next(one.source for one in HONEST if one.name == "honest_einsum"))
    return path


@pytest.fixture(scope="module")
def reports(honest):
    return [check(honest, "kernel", "block-diagonal-multiply", cases_wanted=6, untrusted=True) for _ in range(2)]


@needs_walls
def test_the_seed_is_secret_and_told_afterwards(reports):
    first, second = reports
    assert first.seed != second.seed and first.secret and f"seed {first.seed}" in as_text(first)
    assert "unknown to the kernel" in as_text(first)


@needs_walls
def test_a_seed_that_was_told_gives_the_same_cases(honest, reports):
    again = check(honest, "kernel", "block-diagonal-multiply", cases_wanted=6, untrusted=True, seed=reports[0].seed)
    assert again.worst == reports[0].worst and not again.secret and "it may be known" in as_text(again)


@needs_walls
def test_the_report_says_what_was_confined(reports):
    found = as_dict(reports[0])["untrusted"]
    needed = {"the judge's memory and process", "the oracle", "files that outlive it"}
    assert needed <= found["confined"].keys() and found["secret_seed"]
    assert not needed & found["not_confined"].keys()


def test_a_kernel_that_is_trusted_is_not_confined(honest):
    trusted = check(honest, "kernel", "block-diagonal-multiply", cases_wanted=6)
    assert trusted.seed == 0 and as_dict(trusted)["untrusted"] is None and "untrusted" not in as_text(trusted)


def test_sizes_are_drawn_that_no_list_has():
    op = op_named("block-diagonal-multiply")
    plan = list(cases(op, "float32", count=60))
    drawn = unforeseen(plan, 12345, {})
    listed = {tuple(case.shape.items()) for case in plan}
    assert len(drawn) == len(plan)
    assert sum(tuple(case.shape.items()) not in listed for case in drawn) >= len(plan) // 5
    assert [case.shape for case in drawn] == [case.shape for case in unforeseen(plan, 12345, {})]


@pytest.mark.parametrize(
    "restrictions", [{"square": True}, {"powers_of_two": True}, {"max_size": 32}, {"shape": {"batch": 3, "rows": 4}}]
)
def test_drawn_sizes_keep_to_what_a_kernel_promises(restrictions):
    op = op_named("block-diagonal-multiply")
    for case in unforeseen(list(cases(op, "float32", count=30, **restrictions)), 7, restrictions):
        k, m, n = case.arrays["blocks"].shape
        assert not restrictions.get("square") or m == n
        assert not restrictions.get("powers_of_two") or all(s & (s - 1) == 0 for s in (k, m, n))
        assert k * n <= restrictions.get("max_size", 1 << 20)
        assert "shape" not in restrictions or (len(case.arrays["x"]), m) == (3, 4)


@needs_walls
def test_the_command_confines_and_reproduces(tmp_path):
    path = tmp_path / "kernel.py"
    path.write_text(next(one.source for one in EXPLOITS if one.name == "leaves_out_the_last_block"))
    app = typer.Typer()
    app.command()(command)
    arguments = [f"{path}:kernel", "--op", "block-diagonal-multiply", "--cases", "8", "--untrusted", "--json"]
    done = CliRunner().invoke(app, arguments)
    found = json.loads(done.stdout)
    assert done.exit_code == 1 and found["verdict"] == "wrong values" and found["failure"]["reproduced"]
    assert found["untrusted"]["confined"]


def test_where_walls_are_missing_nothing_is_right(honest, monkeypatch):
    monkeypatch.setattr("monarch_theory.sandbox.confinement.sys.platform", "darwin")
    report = check(honest, "kernel", "block-diagonal-multiply", cases_wanted=6, untrusted=True)
    assert report.exit_code == 2 and "Linux" in report.message


@needs_walls
@pytest.mark.parametrize("name", ["remembers_by_identity", "remembers_by_address", "hands_out_one_buffer"])
def test_state_has_a_name_and_a_script_that_was_run(tmp_path, name):
    path = tmp_path / "kernel.py"
    path.write_text(next(one.source for one in EXPLOITS if one.name == name))
    report = check(path, "kernel", "block-diagonal-multiply", cases_wanted=12, untrusted=True, seed=1)
    expected = ("stale output" if name == "hands_out_one_buffer" else "state kept between calls", True)
    assert report.exit_code == 1 and (report.failure.cause.name, report.failure.reproduced) == expected
