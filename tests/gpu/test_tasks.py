"""Made-up tasks: every target follows from what the model sees, by a solver that knows nothing of the generator."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import asked

from monarch_gpu.configs import BertConfig, GPTConfig, preset, save_config
from monarch_gpu.data import generator
from monarch_gpu.pretrained import IGNORED
from monarch_gpu.tasks import TASKS, AssociativeRecall, InductionHeads, ListOps, SelectiveCopying, made_up

SIZES = {
    "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "max_position_embeddings": 32,
    "filter_width": 8, "transform": "fft",
}  # fmt: skip
GPT, BERT = GPTConfig(**SIZES, vocab_size=64, filter_features=5), BertConfig(**SIZES, vocab_size=64)


def recalled(ids):
    """A key seen before is answered by what followed it, where it came again after all pairs."""
    n = len(ids)
    pairs = next((i for i in range(2, n, 2) if ids[i] in (0, *ids[0:i:2])), n) // 2
    known = dict(zip(ids[0 : 2 * pairs : 2], ids[1 : 2 * pairs : 2], strict=True))
    return {i: known[ids[i]] for i in range(2 * pairs, n, 2) if ids[i]}


def induced(ids):
    return {len(ids) - 1: ids[ids.index(0) + 1]}


def copied(ids):
    return dict(zip((i for i, t in enumerate(ids) if t == 1), (t for t in ids if t > 1), strict=True))


def evaluated(ids):
    """By a stack, from the tokens."""
    rules = [max, min, lambda v: int(np.median(v)), lambda v: sum(v) % 10]
    stack, depth = [[]], 0
    for i, token in enumerate(ids):
        if token == 15:
            values = stack.pop()
            value = rules[values[0]](values[1:])
            stack[-1].append(value)
            if len(stack) == 1:
                return {i: value + 1}
        elif token > 10:
            stack.append([token - 11])
            depth = max(depth, len(stack))
        else:
            stack[-1].append(token - 1)
    raise AssertionError("the list is not closed")


SOLVERS = {"mqar": recalled, "induction": induced, "selective-copying": copied, "listops": evaluated}


@pytest.mark.parametrize("length", [8, 33, 128])
@pytest.mark.parametrize("name", TASKS)
def test_targets_follow_from_what_is_seen(name, length):
    _, task = made_up(name, replace(GPT, max_position_embeddings=length))
    (ids,), targets = task.batch(generator(0, 1, 2), 50)
    assert ids.shape == targets.shape == (50, length) and int(ids.min()) >= 0 and int(ids.max()) < 64
    answers = set()
    for row, wanted in zip(ids.tolist(), targets.tolist(), strict=True):
        found = {i: target for i, target in enumerate(wanted) if target != IGNORED}
        assert found == SOLVERS[name](row) and found
        answers |= set(found.values())
    assert len(answers) > 5, "they are not all alike"


@pytest.mark.parametrize("name", TASKS)
def test_seeds_reproduce_and_validation_is_something_else(name):
    _, task = made_up(name, GPT)
    (ids,), targets = task.batch(generator(0, 1, 2), 8)
    (again,), same = task.batch(generator(0, 1, 2), 8)
    assert torch.equal(ids, again) and torch.equal(targets, same)
    held = [inputs[0] for inputs, _ in task.validation(8, 4)]
    assert all(torch.equal(a, b[0]) for a, (b, _) in zip(held, task.validation(8, 4), strict=True))
    steps = [task.batch(generator(0, step, index), 8)[0][0] for step in range(3) for index in range(4)]
    for a in [*held, *steps]:
        assert sum(torch.equal(a, b) for b in [*held, *steps]) == 1


def test_listops_for_a_classifier_has_labels_and_a_mask():
    config, task = made_up("listops", BERT)
    assert config.head == "classification" and config.num_labels == 10
    (ids, mask), labels = task.batch(generator(0, 0, 0), 60)
    assert torch.equal(mask, ids > 0) and set(labels.tolist()) <= set(range(10)) and len(set(labels.tolist())) > 5
    for row, label in zip(ids.tolist(), labels.tolist(), strict=True):
        assert list(evaluated(row).values()) == [label + 1]
    assert any(sum(11 <= t < 15 for t in row) > 1 for row in ids.tolist()), "some are nested"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: made_up("parity", GPT), "task: expected one of mqar, induction, selective-copying, listops, got"),
        (lambda: made_up("mqar", BERT), "task: expected gpt for mqar, got bert"),
        (lambda: made_up("listops", preset("vit", "tiny")), "task: expected gpt or bert for listops, got vit"),
        (lambda: made_up("listops", replace(GPT, vocab_size=15)), "vocabulary: expected at least 16"),
        (lambda: made_up("induction", replace(GPT, vocab_size=16)), "vocabulary: expected at least 17"),
        (lambda: made_up("mqar", replace(GPT, max_position_embeddings=7)), "length: expected at least 8"),
        (lambda: made_up("induction", replace(GPT, max_position_embeddings=2)), "length: expected at least 3"),
        (lambda: AssociativeRecall(16, 64, 5), "length: expected at least 20"),
        (lambda: AssociativeRecall(16, 7, 3), "vocabulary: expected at least 8"),
        (lambda: SelectiveCopying(8, 5), "length: expected at least 10"),
        (lambda: InductionHeads(8, 1), "symbols: expected at least 2"),
        (lambda: ListOps(3, False), "length: expected at least 4"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def run(*arguments, status=0):
    result = asked("train", *arguments)
    assert result.exit_code == status, result.output
    return result


@pytest.mark.parametrize(("model", "name"), [*(("gpt", name) for name in TASKS), ("bert", "listops")])
def test_the_command_learns_them_and_goes_on(model, name, tmp_path):
    save_config(GPT if model == "gpt" else BERT, tmp_path / "config.json")
    options = [model, "--task", name, "--preset", tmp_path / "config.json", "--steps", "2", "--batch", "4", "--json"]
    first = json.loads(run(*options, "--out", tmp_path / "a").stdout)
    assert json.loads(run(*options, "--out", tmp_path / "a").stdout) == first
    found = json.loads(run(model, "--task", name, "--evaluate", "--out", tmp_path / "a", "--json").stdout)
    assert 0 < found["loss"] < 9 and 0 <= found["accuracy"] <= 1
    other = "induction" if name == "mqar" else "mqar"
    result = run(*options[:2], other, *options[3:], "--out", tmp_path / "a", status=2)
    assert "data = " in result.stderr or "expected gpt for mqar" in result.stderr
