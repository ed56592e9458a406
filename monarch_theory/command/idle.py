"""Options that would be read and then ignored: each is refused, whichever command it is of.

An ignored option is a question that was not answered. A row of `MODES` says what a command does not look at while it is
asked in one way; the command names the row where it knows that it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import typer

__all__ = ["MODES", "Mode", "given", "refuse_idle"]


@dataclass(frozen=True)
class Mode:
    """One way of asking a command.

    Attributes:
        command: its name.
        words: what leaves options idle, as the refusal says it.
        line: a command line that asks in this way, for the tests.
        idle: names of the options that are not looked at.
        reads: in place of `idle`, names of the only options that are.
    """

    command: str
    words: str
    line: str
    idle: str = ""
    reads: str = ""

    def leaves(self, name: str) -> bool:
        """Whether it leaves an option idle.

        >>> MODES["check --list"].leaves("cases"), MODES["check --list"].leaves("as_json")
        (True, False)
        """
        return name not in self.reads.split() if self.reads else name in self.idle.split()


_ROWS = (
    Mode("check", "--list", "--list", reads="list_ops as_json"),
    Mode("check", "--device cuda", "kernel.py:multiply --device cuda", idle="memory"),
    Mode("causal", "--exact", "kernel.py:operator --exact",
         reads="target exact n seed certificate timeout memory as_json"),
    Mode("causal", "--truncated", "kernel.py:past --truncated", idle="show_map png certificate"),
    Mode("causal", "--padding", "kernel.py:past --padding left", idle="show_map png certificate"),
    Mode("causal", "--same-as", "kernel.py:past --same-as past", idle="proof show_map png certificate"),
    Mode("causal", "--no-proof", "kernel.py:past --no-proof", idle="certificate"),
    Mode("causal", "--stride", "kernel.py:past --stride 2", idle="certificate"),
    Mode("causal", "--offset", "kernel.py:past --offset -1", idle="certificate"),
    Mode("express", "a file that is read and not run", "matrix.npy", idle="size timeout memory"),
    Mode("express", "a file that is read and not run, without --search", "matrix.npy", idle="seed"),
    Mode("atlas", "--weights", "--weights magika", idle="size seed seeds"),
    Mode("campaign", "--scheduler", "kernel.py:multiply --scheduler tls://localhost:1", idle="workers"),
    Mode("mutants", "--exploits", "--exploits", idle="runs seed library"),
    Mode("exercise", "the list of exercises", "", reads="as_json number answer"),
    Mode(
        "train", "--evaluate", "gpt --evaluate",
        idle="validation steps microbatches learning_rate seed checkpoint_every keep parallel recompute",
    ),
    Mode("train", "--evaluate and --out", "gpt --evaluate --out run", idle="preset architecture"),
    Mode("generate", "--temperature 0", "nowhere --temperature 0", idle="seed"),
)  # fmt: skip

MODES = {f"{mode.command} {mode.words}": mode for mode in _ROWS}
"""By the command's name and what leaves its options idle."""


def given(context: typer.Context, name: str) -> bool:
    """Whether the option is on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"  # typer may bring a copy of click of its own


def refuse_idle(context: typer.Context, mode: str) -> None:
    """Refuse what is on the command line and not looked at while it is asked so.

    Args:
        context: of the command.
        mode: a key of `MODES`.

    Raises:
        typer.BadParameter: naming the first option.
    """
    for option in context.command.params:
        if option.name is not None and MODES[mode].leaves(option.name) and given(context, option.name):
            raise typer.BadParameter(f"{option.opts[0]}: expected none beside {MODES[mode].words}")
