"""Campaigns: the same seeds give the same report, whatever becomes of the workers, and an old one is not repeated."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from monarch_theory.testing import campaign
from monarch_theory.testing.campaign import plan, run_campaign, run_task, summary
from monarch_theory.testing.provenance import imports, sources_of

FILE = Path(__file__).parent / "misbehaving_kernels.py"
BLOCK = "block-diagonal-multiply"


@pytest.fixture
def tasks():
    return plan([f"{FILE}:right", f"{FILE}:unwritten"], BLOCK, ["fp32", "fp16"], [16, 32], [0], 20, untrusted=False)


def test_a_plan_is_every_combination_in_order(tasks):
    assert len(tasks) == 8 and len({t.key for t in tasks}) == 8
    assert [t.name for t in tasks] == ["right"] * 4 + ["unwritten"] * 4
    with pytest.raises(ValueError, match="kernel: expected FILE"):
        plan(["nowhere.py:f"], BLOCK, ["float32"], [16], [0], 5)


def test_kernels_are_not_trusted_unless_that_is_asked_for():
    (task,) = plan([f"{FILE}:right"], BLOCK, ["fp32"], [16], [None], 5)
    found = run_task(task)
    assert task.untrusted and found["untrusted"] is not None
    assert found["verdict"] == "undecided" or found["untrusted"]["secret_seed"]


def test_a_task_depends_on_nothing_but_itself(tasks, tmp_path):
    moved = type(tasks[0])(**{**vars(tasks[0]), "path": str(tmp_path / "elsewhere.py"), "files": {
        "elsewhere.py": tasks[0].files[FILE.name]
    }})  # fmt: skip
    here, there = run_task(tasks[0]), run_task(moved)
    assert {**here, "kernel": "", "key": ""} == {**there, "kernel": "", "key": ""} and here["verdict"] == "right"


@pytest.mark.long
def test_a_lost_process_is_begun_again(tasks, tmp_path, monkeypatch):
    run, lost = subprocess.run, []

    def unlucky(command, **options):
        if not lost:
            lost.append(command)
            return subprocess.CompletedProcess(command, -signal.SIGKILL, b"", b"")
        return run(command, **options)

    alone = [run_task(task) for task in tasks[:2]]
    record = tmp_path / "record.jsonl"
    with monkeypatch.context() as patched:
        patched.setattr(campaign.subprocess, "run", unlucky)
        together = run_campaign(tasks[:2], workers=1, record=record)
    assert lost and together == alone and len(record.read_text().splitlines()) == 2
    counts = summary(together)
    assert (counts["right"], counts["wrong"], counts["undecided"]) == (2, 0, 0)


def test_a_process_that_is_lost_every_time_is_one_line(tasks, monkeypatch):
    monkeypatch.setattr(campaign.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="3 processes that checked right were lost"):
        run_campaign(tasks[:1])


@pytest.mark.long
def test_a_killed_worker_of_a_cluster_loses_nothing(tasks, tmp_path):
    distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")
    alone = [run_task(task) for task in tasks]
    seen = []
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):

        def kill_a_worker(report):
            seen.append(report["key"])
            if len(seen) == 2:
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

        assert run_campaign(tasks, client=client, on_done=kill_a_worker) == alone


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "127.0.0.1:8786", "ucx://host:1"])
def test_a_scheduler_that_is_open_to_others_is_refused(tasks, address):
    with pytest.raises(ValueError, match="scheduler: expected tls://"):
        run_campaign(tasks[:1], scheduler=address)


def test_an_interrupted_campaign_takes_up_from_its_record(tasks, tmp_path):
    record = tmp_path / "record.jsonl"
    done = [run_task(task) for task in tasks[:2]]
    whole = "".join(json.dumps(report) + "\n" for report in done)
    record.write_text(whole + '{"cut short')
    assert run_campaign(tasks[:2], record=record, client=None) == done
    assert record.read_text() == whole
    record.write_text(whole[:-1])
    assert run_campaign(tasks[:2], record=record, client=None) == done
    assert record.read_text() == whole, "only the line feed was missing"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a file of another kind", "none on line 1"),
        ("nonsense\n", "none on line 1"), ('{"verdict": "right"}\n', "none on line 1"), ("[]\n", "none on line 1"),
        ('{"key": "a", "verdict": "splendid", "cases": 1}\n', "none on line 1"), (b"\xff\xfe\n", "none on line 1"),
        ("[" * 100_000 + "\n", "none on line 1"), (None, "read and write"),
        ('{"key": "a", "verdict": "right", "cases": Infinity}\n', "none on line 1"),
    ],
)  # fmt: skip
def test_a_damaged_record_is_one_line(tasks, tmp_path, content, words):
    record = tmp_path / "record.jsonl"
    if content is None:
        record.mkdir()
    else:
        record.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=words) as refused:
        run_campaign(tasks[:1], record=record)
    assert "\n" not in str(refused.value)
    assert content is None or record.read_bytes() == (content if isinstance(content, bytes) else content.encode())


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a device that is always full")
def test_a_record_without_an_end_or_without_room_is_refused(tasks, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="record: expected a file to read and write, got /dev/full"):
        run_campaign(tasks[:1], record=Path("/dev/full"))
    with pytest.raises(ValueError, match="record: expected room for a report in /dev/full: No space left"):
        campaign._append(Path("/dev/full"), {})


@pytest.fixture
def folder(tmp_path):
    kernel = "from helper import factor\nfrom parts.deep import other\ndef kernel(x, blocks): return x * factor\n"
    texts = {
        "kernel.py": kernel, "helper.py": "import constants\nfactor = constants.one\n", "constants.py": "one = 1\n",
        "parts/__init__.py": "", "parts/deep.py": "from . import near\nother = 1\n", "parts/near.py": "",
        "unrelated.py": "", "op.py": "from monarch_theory.testing.op import Op\n"
        'OP = Op("own", "", "", lambda: [{"batch": 1, "n": 2}], lambda s: {"x": (1, 2)}, lambda a, s: a["x"], None)\n',
    }  # fmt: skip
    for name, text in texts.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


def key_of(folder, **options):
    op = f"{folder / 'op.py'}:OP"
    return plan([f"{folder / 'kernel.py'}:kernel"], op, ["float32"], [16], [0], 5, **options)[0].key


CHANGES = {
    "the kernel": ("kernel.py", "# "), "a module": ("helper.py", "# "), "a module of a module": ("constants.py", "# "),
    "a package": ("parts/__init__.py", "# "), "a module of a package": ("parts/deep.py", "# "),
    "a relative one": ("parts/near.py", "# "), "the op": ("op.py", "# "), "native code": ("kernel.cu", "// "),
    "values": ("table.npy", "0"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_report_is_not_repeated_once_something_changed(folder, change):
    before = key_of(folder)
    name, text = CHANGES[change]
    with (folder / name).open("a") as file:
        file.write(text)
    assert key_of(folder) != before


def test_a_report_is_repeated_while_nothing_changed_that_matters(folder, monkeypatch):
    before = key_of(folder)
    (folder / "unrelated.py").write_text("changed = True")
    (folder / "record.jsonl").write_text("{}")
    assert key_of(folder) == before
    assert key_of(folder, untrusted=False) != before
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert key_of(folder) != before


def test_versions_are_part_of_the_key(folder, monkeypatch):
    before = key_of(folder)
    monkeypatch.setattr("monarch_theory.testing.provenance.of_packages", lambda: "another numpy")
    changed = key_of(folder)
    monkeypatch.setattr(sys, "version", "4.0")
    assert len({before, changed, key_of(folder)}) == 3


def test_an_import_that_does_not_show_takes_all_modules_along(folder):
    (folder / "kernel.py").write_text("import importlib\nhelper = importlib.import_module('unre' + 'lated')\n")
    assert "unrelated.py" in sources_of(folder / "kernel.py")
    assert imports("def f(: ") == (set(), True)


def test_a_kernel_that_moved_takes_its_modules_along(folder):
    (task,) = plan([f"{folder / 'kernel.py'}:kernel"], BLOCK, ["float32"], [16], [0], 5, untrusted=False)
    (folder / "helper.py").unlink()
    assert run_task(task)["verdict"] != "undecided"
