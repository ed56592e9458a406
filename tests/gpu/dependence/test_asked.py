"""`monarch causal` on torch models: proof from the graph beside the measurement, and what neither settles."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from command_line import asked as monarch

pytest.importorskip("torch")

import torch
from daily import but_long
from torch import nn

from monarch_gpu.dependence.asked import asked as of_graph
from monarch_theory.leaks.callables import Judged, Report
from monarch_theory.leaks.contracts import alone, blocks, causal, documents, hidden_padding, masked, prefix, window
from monarch_theory.leaks.cuts import Found
from monarch_theory.leaks.dependence.certificate import packed
from monarch_theory.leaks.dependence.recheck import CertificateError, recheck
from monarch_theory.leaks.files import Agree, check_file
from monarch_theory.leaks.proofs import with_agreement, with_padding, with_proof
from monarch_theory.sandbox.tracing import entry

pytestmark = pytest.mark.usefixtures("torch_at_hand")

MODELS = '''
import numpy as np
import torch
from torch import nn

def cumulative():
    return Cumulative().eval()

class Cumulative(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return (self.weight * x).cumsum(1)

class Renamed(nn.Module):
    def __init__(self):
        super().__init__()
        self.more = nn.Parameter(torch.full((4,), 2.0))
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return (self.scale * x).cumsum(1)

class Doubled(Renamed):
    """The same for all inputs but those of one size, by other weights."""

    def forward(self, x):
        y = (self.more * x / 2).cumsum(1)
        return torch.where((x > 4.4) & (x < 4.5), y + 1, y)

class Both(Renamed):
    def forward(self, x):
        return {"first": (self.scale * x).cumsum(1), "last": x.cumsum(1)}

class OtherNames(Renamed):
    def forward(self, x):
        return {"one": (self.scale * x).cumsum(1), "two": x.cumsum(1)}

class Begun(Cumulative):
    def forward(self, x):
        return nn.functional.pad((self.weight * x).cumsum(1), (0, 0, 1, 0))

class Reversed(Cumulative):
    def forward(self, x):
        return (self.weight * x).flip(1).cumsum(1)

class FiniteMask(Cumulative):
    """A mask of finite values hides the future only as long as scores are small."""

    def forward(self, x):
        mask = torch.full((x.shape[1], x.shape[1]), -1e9).triu(1)
        return (x @ x.transpose(1, 2) + mask.to(x)).softmax(-1) @ (self.weight * x)

class LeastMask(Cumulative):
    def forward(self, x):
        mask = torch.full((x.shape[1], x.shape[1]), torch.finfo(x.dtype).min, dtype=x.dtype).triu(1)
        return (x @ x.transpose(1, 2) + mask).softmax(-1) @ (self.weight * x)

class Decoder(nn.Module):
    """Attention over tokens with a mask of finite values: how large scores can be, weights decide."""

    def __init__(self, scale=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.mix = nn.Embedding(16, 4), nn.Linear(4, 4)
        self.scale = scale

    def forward(self, tokens):
        x = self.embed(tokens)
        n = x.shape[1]
        mask = torch.full((n, n), -1e9, dtype=x.dtype).triu(1)
        return (self.scale * x @ x.transpose(1, 2) + mask).softmax(-1) @ self.mix(x)

class LargeScores(Decoder):
    def __init__(self):
        super().__init__(1e10)

class HiddenByZeros(Decoder):
    def __init__(self):
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(4))

    def forward(self, tokens):
        x = self.embed(tokens)
        n = x.shape[1]
        mask = torch.full((n, n), -1e9, dtype=x.dtype).triu(1)
        return (1e12 * (self.gate * x) @ x.transpose(1, 2) + mask).softmax(-1) @ x

class TellsOfNaN(Cumulative):
    """A sum of numbers, and at one place what a known zero makes of a later input: nothing, if that is finite."""

    def __init__(self, how="isnan"):
        super().__init__()
        self.how = how

    def forward(self, x):
        hidden, y = 0.0 * x[:, 5:6], (self.weight * torch.where(x == x, x, 0.0)).cumsum(1)
        told = {
            "isnan": lambda h: h.isnan(),
            "itself": lambda h: h != h,
            "sign": lambda h: ~(h >= 0),
            "bool": lambda h: h.bool(),
            "number": lambda h: h.nan_to_num(1.0),
            "sort": lambda h: h.argmax(-1, keepdim=True),
            "nothing": lambda h: h == 1,
        }[self.how](hidden)
        return torch.cat([y[:, :3], y[:, 3:4] + told.to(x.dtype), y[:, 4:]], 1)

class Hidden(Cumulative):
    def forward(self, x, mask):
        keep = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril() & (mask > 0)[:, None]
        return (keep.to(x.dtype) @ x) * self.weight

class Counting(Cumulative):
    """Every seventh call sees the future."""

    def forward(self, x):
        self.calls = getattr(self, "calls", 0) + 1
        return x if self.calls % 7 else x.flip(1)

class Late(Cumulative):
    """The last output but one sees the last input; with a largest number, an earlier one may see all."""

    def __init__(self, largest=False):
        super().__init__()
        self.largest = largest

    def forward(self, x):
        y = (self.weight * x).cumsum(1)
        first = y[:, :1] + (x.amax(1, keepdim=True) == 77.7) if self.largest else y[:, :1]
        return torch.cat([first, y[:, 1:-2], y[:, -2:-1] + x[:, -1:], y[:, -1:]], 1)

def plain(x):
    return np.cumsum(x)
'''


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    file = tmp_path_factory.mktemp("models") / "models.py"
    file.write_text(MODELS)
    return file


def asked(models, name, **options):
    return check_file(models, name, 8, shape=options.pop("shape", "1,n,4"), prove=True, **options)


def test_a_causal_module_is_proved_and_its_certificate_rechecked_without_torch(models, tmp_path):
    file = tmp_path / "certificate.json"
    report = asked(models, "Cumulative", certificate=file)
    assert (report.verdict, report.exit_code, report.certified) == ("causal", 0, True)
    assert report.evidence.startswith(
        "proved from the graph: causal at n = 8, for all finite inputs and all values of 1"
    )
    assert "beside it, measured" in report.evidence and not report.proof.get("ends_nan")
    code = (
        "import sys; from monarch_theory.command.door import run; code = run(sys.argv[1:]);"
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    again = subprocess.run([sys.executable, "-c", code, "recheck", str(file), "--json"], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["reason"] == "causal at n = 8"
    forged = file.read_text().replace('"n": 8', '"n": 9').replace("causal at n = 8", "causal at n = 900")
    file.write_text(forged)
    refused = monarch("recheck", file)
    assert refused.exit_code in (1, 2) and "900" not in refused.stdout


def test_a_leak_is_measured_and_the_graph_says_where_it_enters(models, tmp_path):
    report = asked(models, "Reversed", certificate=tmp_path / "none.json")
    assert report.verdict == "not causal" and report.proof["pair"][0] == 0
    assert report.entry.startswith("Reversed, ") and f"{models}:" in report.entry
    assert any("flip" in note for note in report.notes if note.startswith("it enters at"))
    assert not (tmp_path / "none.json").exists() and not report.certified


@pytest.mark.parametrize(
    ("init", "words"),
    [
        ("", "for finite numbers the graph proves that no output before 6 leaks"),
        ("[true]", "an earlier output may leak for other values: the graph does not exclude output 0 ← input 1"),
    ],
)
def test_the_graph_says_whether_an_earlier_output_may_leak(models, init, words):
    """The first that is seen is the first of the values that were tried."""
    report = asked(models, "Late", init=init, budget=2.0)
    assert report.verdict == "not causal" and (report.witness.output, report.witness.input) == (6, 7)
    assert words in report.notes


class Mixer(nn.Module):
    def __init__(self, mix):
        super().__init__()
        self.mix = mix

    def forward(self, x):
        return x + self.mix(x)


class Shift(nn.Module):
    def forward(self, x):
        return x.roll(-1, 1)


class Sum(nn.Module):
    def forward(self, x):
        return x.cumsum(1)


@pytest.mark.parametrize("leaking", [0, 1, 2])
def test_the_module_a_leak_enters_in_is_the_innermost_one(leaking):
    model = nn.Sequential(*(Mixer(Shift() if k == leaking else Sum()) for k in range(3)))
    x = torch.randn(2, 8, 4, dtype=torch.float64)
    changed = x.clone()
    changed[:, 4] += 1
    found = entry(model, [([x], {}), ([changed], {})], 3, 8, 1e-6)
    assert found.startswith(f"{leaking}.mix (Shift), ") and "test_asked.py:" in found
    assert entry(nn.Sequential(Mixer(Sum())), [([x], {}), ([changed], {})], 3, 8, 1e-6) == ""


def test_a_finite_mask_is_no_proof_and_large_values_pass_it(models):
    report = asked(models, "FiniteMask")
    assert report.verdict == "not causal" and report.proof["reason"] == "finite mask"
    assert report.proof["conditions"][0]["bound"] == 1.25e8 and not report.evidence.startswith("proved")
    assert any("under a condition" in note and "±1.25e+08" in note for note in report.notes)


def test_a_proof_for_inputs_up_to_a_size_stands_beside_a_measurement_that_agrees(models, tmp_path):
    file = tmp_path / "certificate.json"
    report = asked(models, "LeastMask", certificate=file)
    assert (report.verdict, report.exit_code) == ("causal", 0)
    assert report.evidence.startswith(
        "measured: bit-identical; proved for all inputs and bounded weights, from the graph: causal at n = 8, for all "
        "finite inputs up to ±1e+06 and all values up to ±1e+64 of 1 weights in float64"
    )
    assert "of ±2.25e+307 that they may (at " in report.evidence
    (condition,) = report.proof["conditions"]
    assert condition["line"].startswith(f"{models}:") and not report.proof["proved"]
    assert condition["met"] and report.proof["at_these_weights"] and not report.proof.get("conditional")
    assert any("that these weights meet it is not in it" in note for note in report.notes)
    done = monarch("recheck", file, "--json")
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["evidence"].split(":")[0]) == (0, "conditional")
    assert "on condition that numbers are finite and within ±2.25e+307 at " in answer["reason"]


@pytest.mark.long
def test_of_tokens_all_inputs_and_bounded_weights_are_proved_and_large_weights_leak(models):
    tokens = {"shape": "1,n", "dtype": "int64", "vocab": 16}
    proved = asked(models, "Decoder", **tokens)
    assert (proved.verdict, proved.exit_code) == ("causal", 0) and not proved.proof["proved"]
    assert proved.evidence.startswith(
        "proved for all inputs and bounded weights, from the graph: causal at n = 8, for all finite inputs and all "
        "values up to ±1e+03 of 3 weights in float64"
    )
    assert "inputs up to" not in proved.evidence and "; beside it, measured" in proved.evidence
    leaking = asked(models, "LargeScores", **tokens)
    assert leaking.verdict == "not causal" and not leaking.proof.get("at_these_weights")
    hidden = asked(models, "HiddenByZeros", **tokens)  # proved as it is; with the zeros redrawn it leaks
    assert hidden.verdict == "not causal" and hidden.redrawn and hidden.proof["at_these_weights"]
    assert any("at these values of 4 weights" in note and "beyond that" in note for note in hidden.notes)


@pytest.mark.parametrize(
    "how", but_long(["isnan", "itself", "sign", "bool", "number", "sort", "nothing"], ["itself", "bool", "number"])
)
def test_whether_a_hidden_input_is_finite_is_tried_at_every_cut_where_the_graph_may_tell(models, how):
    report = asked(models, "TellsOfNaN", init=f'["{how}"]', budget=5.0)
    assert report.proof["proved"] and report.proof["ends_nan"]["line"]
    if how == "nothing":
        assert report.verdict == "causal" and any("NaN were tried at every cut" in note for note in report.notes)
    else:
        assert (report.verdict, report.witness.output, report.witness.input) == ("not causal", 3, 5)
        assert any("for finite numbers the graph proves it" in note for note in report.notes)


def test_usual_layers_keep_a_nan_so_that_no_more_is_tried_than_a_run_and_a_half_a_cut():
    def layer(x):
        y = x + nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
        return nn.functional.layer_norm(y + nn.functional.gelu(y).relu(), (4,))

    facts = of_graph(layer, (X,), {}, [X], 1)
    assert facts["proved"] and facts["ends_nan"] is None


def test_more_than_causality_is_asked_of_the_graph_too(models):
    strict = asked(models, "Cumulative", lookahead=-1)
    assert strict.verdict == "not causal"
    assert asked(models, "Reversed", lookahead=7).evidence.startswith("proved")


class Counted(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return (self.weight * x).cumsum(1)


class Sliding(Counted):
    def forward(self, x):
        y = nn.functional.pad((self.weight * x).transpose(1, 2), (2, 0))
        return nn.functional.avg_pool1d(y, 3, 1).transpose(1, 2)


PAIRS = np.tri(8, dtype=bool) & ~np.tri(8, k=-3, dtype=bool)
X = torch.zeros(3, 8, 4)
I = np.arange(8)  # noqa: E741
PARITY = np.tri(8, dtype=bool) & ((I[:, None] - I) % 2 == 0)


@pytest.mark.parametrize(
    ("module", "contract", "axis", "proved"),
    [
        (Sliding(), window(8, 3), 1, True),
        (Sliding(), window(8, 2), 1, False),
        (Sliding(), masked(8, PAIRS), 1, True),
        (Sliding(), masked(8, PAIRS.T), 1, False),
        (
            lambda x: x.reshape(3, 2, 4, 4).flip(2).reshape(3, 8, 4),
            blocks(8, 4).within("a block", 4 * (I // 4)),
            1,
            True,
        ),
        (lambda x: x.reshape(3, 2, 4, 4).cumsum(2).reshape(3, 8, 4), documents(8, [0] * 4 + [1] * 4), 1, True),
        (lambda x: x.reshape(3, 4, 2, 4).cumsum(1).reshape(3, 8, 4), masked(8, PARITY), 1, True),
        (Counted(), prefix(8, 3), 1, True),
        (Counted(), blocks(8, 4), 1, True),
        (Counted(), documents(8, [0] * 3 + [1] * 5), 1, False),
        (Counted(), alone(3), 0, True),
        (lambda x: x - x.mean(0), alone(3), 0, False),
    ],
)
def test_contracts_are_proved_and_what_breaks_them_is_not(module, contract, axis, proved):
    facts = of_graph(module, (X,), {}, [X], axis, contract.as_plain(), certificate=True)
    assert facts["proved"] is proved and contract.name in facts["claim"]
    assert ("certificate" in facts) == (proved and contract.ends()[0] is not None)
    if "certificate" in facts:
        held = json.loads(json.dumps(facts["certificate"]))
        assert ("from start[i]" in recheck(held)) == (not contract.ordered)
        with pytest.raises(CertificateError, match="a later input"):
            recheck(held | {"stop": [stop - 1 for stop in held["stop"]]})
        if not contract.ordered:
            with pytest.raises(CertificateError, match="an earlier input"):
                recheck(held | {"start": [start + 1 for start in held["start"]]})
            with pytest.raises(CertificateError, match="something is supposed"):
                recheck(held | {"format": "monarch dependence certificate 2"})
    if not proved:
        i, j = facts["pair"]
        assert not contract.allowed(np.array(i), np.array(j))


def halved(x):
    return x.cumsum(1)[:, ::2]


def pairs(x):
    return x.reshape(3, 4, 2, 4).sum(2)


def begun(x):
    return nn.functional.pad(x.cumsum(1), (0, 0, 1, 0))


@pytest.mark.parametrize(
    ("function", "whole", "stride", "lengths", "pair"),
    [
        (halved, causal(8), (2, 0), (4,), None),
        (halved, causal(8, -1), (2, 0), (4,), (0, 0)),
        (halved, masked(8, np.tri(8, dtype=bool)), (2, 0), (4,), None),
        (halved, masked(8, PARITY), (2, 0), (4,), (1, 1)),
        (pairs, causal(8), (2, 0), (4,), (0, 1)),
        (pairs, causal(8, 1), (2, 0), (4,), None),
        (pairs, window(8, 2, causal(8)), (2, 1), (4,), None),
        (begun, causal(8), (1, -1), (9, 8), None),
        (begun, causal(8), (1, -2), (10, 8), "no output"),
        (lambda x: begun(x).flip(1), causal(8), (1, -1), (9, 8), (0, 0)),
        (lambda x: x.cumsum(1)[:, 3:], causal(8), (1, 3), (5, 8), None),
        (lambda x: x.cumsum(1)[:, 3:], causal(8), (1, 2), (6, 8), "no output"),
    ],
)
def test_outputs_of_another_length_are_proved_and_what_breaks_that_is_not(function, whole, stride, lengths, pair):
    contract = whole.rows(*stride, max(lengths))
    facts = of_graph(function, (X,), {}, [X], 1, contract.as_plain() | {"lengths": lengths}, certificate=True)
    assert facts["proved"] is (pair is None) and pair in (None, facts["pair"], facts["reason"])
    assert contract.name in facts["claim"] and "certificate" not in facts


@pytest.mark.parametrize(("axis", "proved", "axes"), [(0, True, [0]), (-2, True, [0]), (1, False, [1]), (2, False, [])])
def test_outputs_are_judged_along_the_axis_that_is_named(axis, proved, axes):
    x = torch.zeros(4)
    rows = lambda x: x.cumsum(0)[:, None].expand(4, 4)  # noqa: E731
    facts = of_graph(rows, (x,), {}, [x], 0, causal(4).as_plain() | {"output_axis": axis}, certificate=True)
    assert facts["proved"] is proved and facts["output_axes"] == axes
    assert not proved or recheck(json.loads(json.dumps(facts["certificate"]))) == "causal at n = 4"


def test_a_certificate_holds_for_its_own_contract_alone():
    reversed_blocks = lambda x: x.reshape(3, 2, 4, 4).flip(2).reshape(3, 8, 4)  # noqa: E731
    facts = of_graph(reversed_blocks, (X,), {}, [X], 1, blocks(8, 4).as_plain(), certificate=True)
    held = json.loads(json.dumps(facts["certificate"]))
    assert "stop = 4, 4, 4, 4, 8" in recheck(held)
    for wrong in (causal(8), prefix(8, 4), blocks(8, 2)):
        with pytest.raises(CertificateError, match="later input"):
            recheck(held | {"stop": wrong.stop.tolist()})
    for wrong in ([8] * 7, "all", [9] * 8, None):
        with pytest.raises(CertificateError, match="stop: expected 8 integers"):
            recheck(held | {"stop": wrong})


def test_an_input_from_both_ends_is_one_input():
    """Along one axis for the first inputs and along another for the last, it would be two inputs."""
    square = torch.zeros(8, 8)
    facts = of_graph(lambda x: x.cumsum(0), (square,), {}, [square], 0, window(8, 8).within("all", 0).as_plain(), True)
    held = json.loads(json.dumps(facts["certificate"]))
    assert recheck(held | {"format": "monarch dependence certificate 3"}) == "causal at n = 8"
    ends = {"format": "monarch dependence certificate 3", "start": [0] * 8}
    turned = [{**v, "reversed": [packed(np.arange(8, dtype=np.int32)[::-1].reshape(1, 8))]} for v in held["values"]]
    with pytest.raises(CertificateError, match="another from the other end"):
        recheck(held | ends | {"values": turned})


def hidden(fill):
    def attend(x, mask):
        keep = (torch.ones(8, 8, dtype=torch.bool).tril() & (mask > 0)[:, None]) | torch.eye(8, dtype=torch.bool)
        return (x @ x.transpose(1, 2)).masked_fill(~keep, fill).softmax(-1) @ x

    return attend


@pytest.mark.parametrize(
    ("function", "proved", "conditional"),
    [
        (hidden(-torch.inf), True, False),
        (hidden(-1e9), False, True),
        (hidden(-1e2), False, False),
        (lambda x, mask: x * (1 + (x * (1 - mask[..., None])).sum(1, keepdim=True)), False, False),
        (lambda x, mask: x.sum(1, keepdim=True) * x, False, False),
    ],
)
@pytest.mark.parametrize("ends", [(2, 0), pytest.param((0, 2), marks=pytest.mark.long)])
def test_what_padding_holds_is_proved_to_be_hidden(function, proved, conditional, ends):
    before, after = ends
    mask = torch.ones(3, 8)
    mask[:, :before] = 0
    mask[:, 8 - after :] = 0
    facts = of_graph(function, (X, mask), {}, [X], 1, hidden_padding(8 - sum(ends), *ends).as_plain())
    assert (facts["proved"], facts["conditional"]) == (proved, conditional)


def test_padding_is_measured_and_proved(models):
    report = asked(models, "Hidden", arguments=("mask=ones",), agree=Agree("padding", "right"), budget=1.0)
    assert report.verdict == "holds" and report.evidence.startswith("measured")
    assert "; proved from the graphs: the same with padding of 1 … 4, 8 on the right" in report.evidence
    bare = replace(report, evidence="measured")
    held = with_padding(bare, {1: FACTS, 8: FACTS})
    assert held.evidence.startswith("measured; with padding of 1 and of 8, proved from the graph: ")
    refused = with_padding(bare, {1: FACTS, 8: FACTS | {"proved": False, "detail": "no rule", "reason": "dependence"}})
    assert refused.evidence == "measured" and any("no rule" in note for note in refused.notes)


@pytest.mark.parametrize(
    ("name", "other", "proved"),
    [("Cumulative", "Renamed", True), ("Renamed", "cumulative", True), ("Cumulative", "Doubled", False)],
)
def test_another_callable_is_proved_to_give_the_same(models, name, other, proved):
    report = asked(models, name, agree=Agree("same", other), budget=1.0)
    words = f"proved from the graphs: the same as {other} at n = 8, for all finite inputs and all values of 1 weights"
    assert report.evidence.startswith(words) is proved and (report.holds is True or not proved)
    said = "not proved from the graphs: the other graph has no such step"
    assert any(said in note for note in report.notes) is not proved


def test_outputs_of_other_names_are_not_proved_to_be_the_same(models):
    assert "proved" in asked(models, "Both", agree=Agree("same", "Both"), budget=1.0).evidence
    assert "proved" not in asked(models, "Both", agree=Agree("same", "OtherNames"), budget=1.0).evidence


def test_the_first_inputs_alone_are_proved_to_give_the_same(models):
    report = asked(models, "Cumulative", agree=Agree("truncated"), budget=1.0)
    assert report.holds and report.evidence.startswith("proved from the graphs: the same with the first k inputs alone")
    assert "k = 1 … 7," in report.evidence and any("over the real numbers" in note for note in report.notes)


@pytest.mark.parametrize(
    ("unproved", "change", "holds", "words"),
    [
        ((), {}, True, "proved from the graphs"),
        ((), {"verdict": "undecided", "outcome": "partial"}, True, "proved from the graphs"),
        ((2,), {"verdict": "undecided", "outcome": "partial"}, None, "measured"),
        ((2,), {}, True, "measured; proved from the graphs: the same with the first k inputs alone, k = 1, 3"),
        ((1, 2, 3), {}, True, "measured"),
        ((), {"verdict": "does not hold", "witness": Found(0, None, 1.0, 0.0, 0.0)}, None, "none"),
        ((), {"verdict": "does not hold", "witness": Found(0, None, np.inf, 0.0, 0.0)}, False, "measured"),
        ((2,), {"verdict": "does not hold", "witness": Found(0, None, 1.0, 0.0, 0.0)}, False, "measured"),
    ],
)  # fmt: skip
def test_what_graphs_prove_settles_what_was_measured_and_no_more(unproved, change, holds, words):
    each = {"proved": True, "outputs": ["output"], "output_axes": [1], "detail": "", "weights": 1, "buffers": 0}
    judged = (Judged("output", (1, 4, 3), "float64", "holds", None, 1),)
    report = replace(Report("holds", "measured", "", n=4, outputs=judged), **change)
    facts = {k: each | ({"proved": False, "detail": "no rule"} if k in unproved else {}) for k in (1, 2, 3)}
    found = with_agreement(report, facts)
    assert (found.holds, found.evidence[: len(words)]) == (holds, words)
    assert ("proved" in found.evidence) is ("proved" in words)
    assert any("no rule" in note for note in found.notes) is bool(unproved)
    other = replace(report, outputs=(replace(judged[0], axis=2, shape=(1, 4, 4)),))
    assert "proved" not in with_agreement(other, facts).evidence


def test_other_contracts_of_a_file_are_proved_too(models):
    report = asked(models, "Cumulative", contract=blocks(8, 2))
    assert report.verdict == "holds" and report.evidence.startswith("proved from the graph: causal by blocks of 2")
    alone_report = asked(models, "Cumulative", shape="3,n,4", contract=alone(3))
    assert alone_report.evidence.startswith("proved from the graph: independent of the rest of the batch")
    longer = asked(models, "Begun", stride=(1, -1))
    assert longer.evidence.startswith("proved from the graph: causal, output i at place i -1 at n = ")
    assert not asked(models, "Begun", stride=(1, -1), lookahead=-1).proof["proved"]


def test_a_function_of_arrays_has_no_graph(models):
    report = asked(models, "plain", shape="n")
    assert report.verdict == "causal" and report.evidence.startswith("measured")
    assert not any("graph" in note for note in report.notes)


ONE = Judged("output", (1, 8, 4), "float64", "causal", None)
FACTS = {
    "proved": True, "claim": "causal at n = 8", "outputs": ["output"], "excludes": ["rounding"], "reason": "",
    "detail": "", "unjudged": [], "without_rule": {}, "pair": None, "entry": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (Report("causal", "measured: equal", "", n=8, outputs=(ONE,)), "causal"),
        (Report("undecided", "measured: equal", "", "partial", n=8, outputs=(ONE,)), "causal"),
        (Report("undecided", "none", "", "noise", n=8, outputs=(ONE,)), "undecided"),
        (Report("undecided", "none", "", "hang", n=8), "undecided"),
        (Report("undecided", "none", "", "random"), "undecided"),
        (Report("undecided", "none", "", "exception"), "undecided"),
        (Report("not causal", "measured", "", witness=Found(0, 1, 1.0, 1e-9, 1.0)), "undecided"),
        (Report("not causal", "measured", "", witness=Found(0, 1, float("inf"), 0.0, 1.0)), "not causal"),
    ],
)
def test_a_proof_settles_what_is_open_and_contradicts_aloud(report, verdict):
    under = with_proof(report, FACTS | {"proved": False, "conditional": True})
    assert (under.verdict, under.outcome) == (report.verdict, report.outcome)
    assert "under a condition, proved from the graph: causal at n = 8" in " ".join((under.evidence, *under.notes))
    assert not under.evidence.startswith("proved") and ("condition" in under.evidence) == (report.exit_code == 0)
    joined = with_proof(report, FACTS)
    assert joined.verdict == verdict
    here = with_proof(report, FACTS | {"proved": False, "at_these_weights": True})
    assert here.verdict == verdict and "proved from the graph" not in here.evidence
    assert ("for all inputs at these weights" in here.evidence) == (here.exit_code == 0)
    beyond = with_proof(report, FACTS | {"proved": False, "at_these_weights": True, "reach": 1e6})
    assert beyond.verdict == report.verdict and not beyond.evidence.startswith("proved")
    if report.witness and verdict == "undecided":
        assert joined.outcome == "contradiction" and "disagree" in joined.reason


@pytest.mark.parametrize(
    ("pair", "changes", "said"),
    [
        ((3, 5), {}, "no output before 3"), ((1, 2), {}, "does not exclude output 1 ← input 2"), ((4, 5), {}, ""),
        (None, {}, ""), ((3, 5), {"calls_before": 2}, ""), ((3, 5), {"contract": "another"}, ""),
        ((3, 5), {"outputs": (ONE, ONE)}, ""), ((0, 1), {"witness": Found(0, 1, 1.0, 1e-9, 1.0)}, ""),
    ],
)  # fmt: skip
def test_of_earlier_outputs_the_graph_says_what_it_was_asked(pair, changes, said):
    """Nothing of another call, another contract, other outputs; and nothing before the first there is."""
    report = Report("not causal", "measured", "", n=8, outputs=(ONE,), witness=Found(3, 5, 1.0, 1e-9, 1.0))
    found = with_proof(replace(report, **changes), FACTS | {"proved": False, "reason": "dependence", "pair": pair})
    assert [said in note for note in found.notes] == [True] * bool(said)


def test_a_proof_of_fewer_outputs_than_were_judged_settles_nothing():
    report = Report("undecided", "measured", "", "partial", n=8, outputs=(ONE, ONE))
    assert with_proof(report, FACTS).verdict == "undecided"
    either = replace(ONE, shape=(8, 8))  # which axis is the sequence?
    assert with_proof(replace(report, outputs=(either,)), FACTS).verdict == "undecided"


def test_a_proof_along_the_axis_that_was_judged_settles_what_is_open():
    """Whatever other axes are as long: a vocabulary of n tokens, n channels."""
    square = replace(ONE, shape=(1, 8, 8), axis=1)
    report = Report("undecided", "measured", "", "partial", n=8, outputs=(square,))
    assert with_proof(report, FACTS | {"output_axes": [1]}).verdict == "causal"
    assert with_proof(report, FACTS | {"output_axes": [2]}).verdict == "undecided"
    assert with_proof(report, FACTS | {"outputs": ["a", "b"], "output_axes": [1, 1]}).verdict == "undecided"


def test_a_proof_of_one_call_settles_nothing_where_the_next_call_takes_another_branch(models):
    report = asked(models, "Counting")
    assert report.verdict != "causal"
