"""What each command prints with `--json`: the table that the page of commands, the schemas and the tests read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["COMMON", "FIELDS", "LISTINGS", "REFUSAL", "Field", "fields_of", "json_schema"]


@dataclass(frozen=True)
class Field:
    """One key of the object; kind: the JSON types of its value; always: whether it is there in every answer."""

    name: str
    kind: str
    meaning: str
    always: bool = True


def _fields(text: str) -> tuple[Field, ...]:
    """A field a line: name, kind, meaning; a name with a question mark is not in every answer."""
    rows = (line.split(maxsplit=1) for line in text.strip().splitlines())
    split = ((name, *(part.strip() for part in rest.split(":", 1))) for name, rest in rows)
    return tuple(Field(name.rstrip("?"), kind, meaning, not name.endswith("?")) for name, kind, meaning in split)


COMMON = _fields("""
    verdict      string: the answer in the command's words; "undecided" where there is none
    evidence     string: proved (at these weights, where that is said), conditional, exact, measured or none, and more
    coverage     string, object: what was compared, tried or read
    exit_code    integer: 0 yes, 1 no, 2 could not decide or could not run
""")
"""In the object of every command."""

REFUSAL = (
    *COMMON,
    *_fields("""
    outcome      string: what happened: bad input, crash, not installed, out of memory, no room, stopped, no answer
    reason       string: the line that is on standard error
"""),
)
"""All there is where a command could not run."""

FIELDS: dict[str, tuple[Field, ...]] = {
    "causal": _fields("""
        reason       string: the verdict in a sentence
        outcome      string, null: what went wrong, where undecided
        witness      object, null: the first leaking pair: output, input, size, floor, change, array, kind
        contract     string: what was asked: causal, or another contract by name
        entry        string: the module and the line where a leak enters; empty where that was not found
        n            integer: sequence length
        shape        array: of the input
        dtype        string: of the input
        seed         integer: of the inputs
        method       string: how it was asked
        cuts_tested  integer: cuts between past and future that were tested
        cuts_total   integer: cuts there are
        lookahead    integer: places ahead that were allowed; -1 for strict causality
        gap          integer: leaks at least this far ahead cannot have been missed between cuts
        rounds       integer: rounds of refinement
        response     number: largest response taken for rounding, relative to its channel
        floor        number: the noise floor there
        noise        number: the noise measured there
        forwards     integer: runs of the model
        calls_before integer: calls on another input that came before the one that leaks
        redrawn      boolean: whether it leaks with all-zero parameters drawn at random, and not as it is
        seconds      number: time taken
        outputs      array: each array judged: name, shape, dtype, verdict, witness, axis
        covered      string: which values were tried
        notes        array: what else a reader should know
        proof        object, null: what came of the proof from the graph: proved, at_these_weights or conditional
        certified    boolean: whether the certificate that was asked for was written
        map          array, null: who sees whom, where it was asked for
    """),
    "recheck": _fields("""
        reason       string: what the certificate proves, or the step that is wrong
    """),
    "express": _fields("""
        source               string: what was read
        shape?               array: of the matrix
        family?              string: the family asked about
        setting?             string: the member of it
        member?              boolean, null: whether the matrix is one; null where undecided
        distance?            number: relative distance of the nearest member found
        distance_evidence?   string: exact or measured
        threshold?           number: distance up to which the matrix is a member
        limit?               number: distance above which it is none
        scope?               string: which members were ruled out
        lower_bound?         number: no member is nearer
        guarantee?           string: what is known of the projection
        parameters?          integer: of the class
        compression?         number: entries to a parameter
        seed?                integer: of the search, and of FILE.py
        next?                object, null: the class worth trying next
        tried?               array: the classes next to it
        order?               integer: number of stages
        radices?             array: of the inputs
        output_radices?      array: of the outputs
        convention?          string: m2, dao or dao-transposed
        rank?                integer: most a slice may have
        guaranteed_ratio?    number: of distance found to least distance, guaranteed
        guarantee_reference? string: where that is proved
        achieved_ratio?      number: what was achieved
        refutation?          object: a minor that does not vanish
        search?              object: what the search for an order of rows and columns found
        png?                 string: where the picture goes
        written?             string: where the factors go
        module?              string: where the torch modules that multiply by them go
        not_written?         object: matrices of a checkpoint whose factors were not saved, and why
        written_instead?     object: matrices whose nearest family has no factors, and which were saved
        matrices?            array: of a whole checkpoint, each matrix with its families
        left_out?            object: arrays that are no matrix, and why
        summary?             array: the comparison in sentences
    """),
    "choose": _fields("""
        shape        array: outputs and inputs
        budget       integer: most parameters
        batch        integer: inputs that one multiply takes
        hardware     object: of the least times, its format and where its numbers are from
        dense        object: the dense layer's parameters, least time and measured seconds
        choices      array: each family with its setting, costs, least time and measured seconds, fastest first
        left_out     array: families with nothing within the budget
    """),
    "atlas": _fields("""
        n            integer: size of the targets
        seed         integer: of the random targets, the first of them
        seeds        integer: how many were drawn
        budget       integer: most parameters, or multiplications
        cells        array: each target, family and cost, with error, those of every seed, lower bound and setting
    """),
    "check": _fields("""
        message              string: the verdict in a sentence
        kernel               string: what was checked
        op                   string: what it should compute
        dtype                string: in which format
        device               string: where its arguments lay
        cases                integer: how many were run
        refused              integer: how many the kernel refused
        worst                object, null: the element nearest its bound, or beyond it
        outputs              object: worst ratio of each output
        bound                object: which bound, and the claim it follows from
        sharpness            object: what the bound could have seen
        ulps                 object: histogram of errors in units in the last place
        interpreted          boolean: whether an interpreter ran the kernel
        subnormals           string: what it does with subnormal arguments: kept, taken for zero, or not tried
        bitwise_reproducible boolean: whether two runs gave the same bits
        failure              object, null: the smallest case that fails, its cause, and a script that shows it
        untrusted            object, null: behind which walls the kernel ran, where it was not trusted
        time                 object, null: how fast it is, where that was asked for
        seed                 integer: determines every case
        seconds              number: time taken
    """),
    "check-op": _fields("""
        op           string: its name
        dtypes       array: for each format what it says, the worst case, and an exit code
    """),
    "mutants": _fields("""
        mutants                   integer: faulty kernels that were run
        caught                    integer: those found wrong
        clean_runs                integer: runs of right kernels
        false_alarms              integer: of these, those found wrong
        causes_named              integer: mutants whose cause was named, and rightly
        causes_unknown            integer: mutants whose cause was said not to be known
        causes_wrong              array: mutants of which another cause was named
        missed_by_fixed_rtol      array: mutants that pass allclose with rtol = atol = 1e-2
        right_but_fail_fixed_rtol array: right kernels that fail the default tolerance of assert_close
        exploits                  integer: kernels that cheat, run as code that is not trusted
        stopped                   integer: of these, those not called right
        honest                    integer: unusual honest kernels, run in the same way
        blamed                    array: of these, those called anything but right
        not_installed             array: libraries that were skipped
        seed                      integer: determines every case
        details                   object: a row for each mutant, each right kernel and each exploit
    """),
    "campaign": _fields("""
        tasks        integer: checks in all
        right        integer: of these
        wrong        integer: of these
        undecided    integer: of these
        cases        integer: run in all of them
        reports      array: one for each check, as `monarch check --json`
    """),
    "prove": _fields("""
        folder       string: of the proofs
        coq          string, null: the version of Coq that read them
        note         string, null: what was not run
        proofs       array: a row for each statement
        holds        boolean: whether every statement holds
    """),
    "exercise": _fields("""
        exercises?   array: number, function and task of each, where none was named
        reason?      string: what was found
        tried?       integer: inputs compared
        smallest?    object, null: the smallest input tried that shows the answer wrong
        exercise?    string: its number
        seed?        integer: of the inputs
    """),
    "picture": _fields("""
        pictures?    array: name and title of each and what it shows, where none was named
        file?        string: what was written
    """),
    "models": _fields("""
        models       array: a row for each published model
    """),
    "certify": _fields("""
        model        string: its name
        n            integer: sequence length
        leaking      array: layers that see the future
        whole        object: the report on the whole, as `monarch causal --json`
        layers       object: the report on each layer
    """),
    "convert": _fields("""
        source       string: the file read
        layout       string: whose names its tensors have
        dtypes       array: they are stored in
        mapped       integer: tensors that became parameters
        parameters   integer: numbers in them
        repeated     array: tensors that repeat one of them
        constant     array: tensors that are constant, as they must be
        dropped      array: left out, as asked
        computed     array: not in the file, computed as the published code does
        differences  object: from the published outputs, in float64
        total        integer: tensors in the file
        left_over    integer: always 0
        notes        array: what else a reader should know
    """),
    "generate": _fields("""
        prompt       string: what the text begins with
        text         string: the whole of it
        seed         integer: of the sampling
    """),
    "train": _fields("""
        out          string: directory of the run
        loss?        number: in nats, of the last validation, or of the evaluation
        accuracy?    number: there
        steps?       integer: of the whole run
        losses?      array: of every step
        validation?  array: step, loss and accuracy of every validation
        notes?       array: what else a reader should know
        reason?      string: why the run was given up
    """),
    "embed": _fields("""
        model        string: the directory of the encoder
        reading      string: what the vectors were read from: pooler, mean or first
        normalised   boolean: whether each has norm one
        texts        array: each entry as it was given, with its embedding
    """),
}
"""By command, beside `COMMON`."""


LISTINGS: dict[str, tuple[Field, ...]] = {
    "check": _fields("""
        ops          array: op, what it computes, how its kernels are called and its dtypes, with --list
    """),
}
"""By command, what it prints instead where it is asked for a list."""


def fields_of(command: str) -> tuple[Field, ...]:
    """All keys that a command's answer may have.

    >>> [field.name for field in fields_of("recheck")]
    ['verdict', 'evidence', 'coverage', 'exit_code', 'reason']
    """
    return (*COMMON, *FIELDS[command])


def json_schema(command: str) -> dict[str, Any]:
    """The schema of a command's object, in JSON Schema 2020-12: an answer, or the reason why there is none.

    >>> json_schema("models")["anyOf"][0]["required"]
    ['verdict', 'evidence', 'coverage', 'exit_code', 'models']
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"monarch {command} --json",
        "anyOf": [
            _object(fields_of(command)),
            *([_object((*COMMON, *LISTINGS[command]))] if command in LISTINGS else []),
            _object(REFUSAL),
        ],
    }


def _object(fields: tuple[Field, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {f.name: {"type": _types(f.kind), "description": f.meaning} for f in fields},
        "required": [f.name for f in fields if f.always],
        "additionalProperties": False,
    }


def _types(kind: str) -> list[str]:
    types = kind.split(", ")
    # a number that JSON has no word for, an infinity or NaN, is a string
    return [*types, "string"] if "number" in types and "string" not in types else types
