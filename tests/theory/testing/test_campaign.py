"""Campaigns: the same seeds give the same report, whatever becomes of the workers."""

import json
import os
import signal
from pathlib import Path

import pytest

from monarch_theory.testing.campaign import plan, run_campaign, run_task, summary

FILE = Path(__file__).parent / "misbehaving_kernels.py"
BLOCK = "block-diagonal-multiply"


@pytest.fixture
def tasks():
    return plan([f"{FILE}:right", f"{FILE}:unwritten"], BLOCK, ["fp32", "fp16"], [16, 32], [0], 20)


def test_a_plan_is_every_combination_in_order(tasks):
    assert len(tasks) == 8 and len({t.key for t in tasks}) == 8
    assert [t.name for t in tasks] == ["right"] * 4 + ["unwritten"] * 4
    with pytest.raises(ValueError, match="kernel: expected FILE"):
        plan(["nowhere.py:f"], BLOCK, ["float32"], [16], [0], 5)


def test_a_task_depends_on_nothing_but_itself(tasks, tmp_path):
    moved = type(tasks[0])(**{**vars(tasks[0]), "path": str(tmp_path / "elsewhere.py")})
    here, there = run_task(tasks[0]), run_task(moved)
    assert {**here, "kernel": ""} == {**there, "kernel": ""} and here["verdict"] == "right"


@pytest.mark.long
def test_a_killed_worker_loses_nothing(tasks, tmp_path):
    distributed = pytest.importorskip("distributed", reason="the extra `dask` is not installed")
    alone = [run_task(task) for task in tasks]
    record = tmp_path / "record.jsonl"
    seen = []
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):

        def kill_a_worker(report):
            seen.append(report["key"])
            if len(seen) == 2:
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

        together = run_campaign(tasks, client=client, record=record, on_done=kill_a_worker)
        # and the same by the address of the scheduler, on the worker that took its place
        assert run_campaign(tasks[:1], scheduler=cluster.scheduler_address) == alone[:1]
    assert together == alone
    assert len(record.read_text().splitlines()) == len(tasks) == len(set(seen))
    counts = summary(together)
    assert (counts["right"], counts["wrong"], counts["undecided"]) == (4, 4, 0)


def test_an_interrupted_campaign_takes_up_from_its_record(tasks, tmp_path):
    record = tmp_path / "record.jsonl"
    done = [run_task(task) for task in tasks[:2]]
    record.write_text("".join(json.dumps(report) + "\n" for report in done) + '{"cut short')
    assert run_campaign(tasks[:2], record=record, client=None) == done
