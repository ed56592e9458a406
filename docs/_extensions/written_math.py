"""Mathematics as it is written in plain text, Σ_k b_k ≤ N², to LaTeX between dollars; the words around it stay.

Statements of proofs are plain text, so that they can be read in a terminal and beside the Coq files. A piece of a
paragraph is mathematics if it holds a letter that stands alone, an operator, an index or an exponent; words of two
letters and more end it, except inside brackets that follow a letter directly.
"""

import re
from collections.abc import Iterator

SYMBOLS = {
    "−": "-", "·": r"\cdot ", "⋯": r"\cdots ", "…": r"\dots ", "∏": r"\prod ", "Σ": r"\sum ", "∈": r"\in ",
    "∉": r"\notin ", "⊙": r"\odot ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "↦": r"\mapsto ", "→": r"\to ",
    "×": r"\times ", "∘": r"\circ ", "≼": r"\preceq ", "≡": r"\equiv ", "≈": r"\approx ", "∞": r"\infty ",
    "‖": r"\|", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "½": r"\tfrac12 ",
    "<": r"\lt ", ">": r"\gt ", "=": "=", "+": "+", "/": "/", "±": r"\pm ", "∪": r"\cup ", "∩": r"\cap ",
    "⊂": r"\subset ", "⊆": r"\subseteq ", "∂": r"\partial ", "⊗": r"\otimes ", "⟺": r"\iff ", "⇒": r"\Rightarrow ",
    "ℚ": r"\mathbb{Q}", "ℝ": r"\mathbb{R}", "ℂ": r"\mathbb{C}", "ℤ": r"\mathbb{Z}", "∀": r"\forall ", "∃": r"\exists ",
    "⟨": r"\langle ", "⟩": r"\rangle ", "∅": r"\emptyset ", "⊕": r"\oplus ", "∖": r"\setminus ", "ℓ": r"\ell ",
    "∣": r"\mid ", "⊥": r"\perp ",
}  # fmt: skip
GREEK = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon", "ζ": r"\zeta", "η": r"\eta",
    "θ": r"\theta", "κ": r"\kappa", "λ": r"\lambda", "μ": r"\mu", "ν": r"\nu", "ξ": r"\xi", "π": r"\pi", "ρ": r"\rho",
    "σ": r"\sigma", "τ": r"\tau", "φ": r"\varphi", "χ": r"\chi", "ψ": r"\psi", "ω": r"\omega", "Γ": r"\Gamma",
    "Δ": r"\Delta", "Θ": r"\Theta", "Λ": r"\Lambda", "Ξ": r"\Xi", "Π": r"\Pi", "Φ": r"\Phi",
    "Ψ": r"\Psi", "Ω": r"\Omega",
}  # fmt: skip
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿᵀ", "0123456789-+nT", strict=True))
LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
NAMED = (
    "mindeg",
    "Toeplitz",
    "diag",
    "span",
    "cond",
    "deg",
    "max",
    "min",
    "log",
    "dim",
    "cap",
    "rank",
    "GL",
    "Op",
    "fl",
)
"""Words that are operators where mathematics follows them."""

VERBS = ("rank", "span")
"""Those that are words of the language, too, unless a bracket follows."""

LATEX = ("deg", "max", "min", "log", "dim")
ACRONYMS = ("DFT", "GL")
OPENING, CLOSING = "([{", ")]}"
OTHERS = "".join(GREEK) + "".join(RAISED) + "".join(LOWERED) + "ℓ½"
ATOM = re.compile(
    rf"(?P<code>`[^`]*`|\*\*|\]\(https?:[^)]*\))"
    rf"|(?P<number>\d+(?:[.,]\d+)*(?:e\d+)?)"
    rf"|(?P<raised>[{''.join(RAISED)}]+)|(?P<lowered>[{''.join(LOWERED)}]+)"
    rf"|(?P<own>['’]s(?!\w))"
    rf"|(?P<word>[^\W\d_{OTHERS}]{{2,}}(?:[-–'’][^\W\d_{OTHERS}]+)*|[^\W\d_{OTHERS}])"
    rf"|(?P<space>\s+)|(?P<one>.)",
    re.DOTALL,
)


def atoms(text: str) -> list[tuple[str, str]]:
    """The text in pieces, each with its kind: code, number, raised, lowered, word, letter, symbol, open, close, mark.

    >>> atoms("q_j² ≤ N")[:4]
    [('letter', 'q'), ('index', '_'), ('letter', 'j'), ('raised', '²')]
    """
    found: list[tuple[str, str]] = []
    for piece in ATOM.finditer(text):
        kind, value = str(piece.lastgroup), piece[0]
        if kind == "word":
            found.extend(letters_or_word(value, found, text[piece.end() : piece.end() + 1]))
        elif kind == "own":
            found.append(("mark", value))
        elif kind == "one":
            found.append((kind_of(value, found), value))
        elif (
            kind == "number"
            and found
            and (found[-1][0] == "letter" or found[-1] == ("word", "log"))
            and len(value) == 1
        ):
            found.append(("lowered", value))  # j0, b1, log2
        else:
            found.append((kind, value))
    return found


def letters_or_word(value: str, before: list[tuple[str, str]], after: str) -> list[tuple[str, str]]:
    """A run of Latin letters: symbols side by side, as in cZ² or ω^{ij}, or a word of the language."""
    last = before[-1][0] if before else ""
    braced = len(before) > 1 and last == "open" and before[-2][0] == "index"
    short = len(value) < 4 and value not in NAMED
    mixed = not value.isupper() and any(letter.isupper() for letter in value[1:])
    indexed = after and (after in "_^" or after in RAISED or after in LOWERED or after.isdigit())
    if len(value) == 1 or (short and (mixed or indexed or last == "index" or (braced and value not in ("all", "for")))):
        return [("letter", letter) for letter in value]
    if last == "number" and len(value) < 3:
        return [("letter", letter) for letter in value]
    return [("word", value)]


def kind_of(value: str, before: list[tuple[str, str]]) -> str:
    """Of a single character."""
    if value in GREEK or value == "ℓ":
        return "letter"
    if value in "_^":
        return "index"
    if value == "√":
        return "root"
    if value in OPENING:
        return "open"
    if value in CLOSING:
        return "close"
    if value == "'" and before and before[-1][0] in ("letter", "lowered", "raised", "close"):
        return "prime"
    if value == "'" and len(before) > 1 and before[-1][0] == "number" and before[-2][0] == "index":
        return "prime"  # i_0'
    if value == "*" and before and before[-1][0] == "letter":
        return "star"
    return "symbol" if value in SYMBOLS or value == "|" else "mark"


MATHEMATICS = {"letter", "symbol", "index", "raised", "lowered", "root", "prime", "star"}


def closing(pieces: list[tuple[str, str]], start: int) -> int:
    """The place of the bracket that closes the one at `start`, or -1."""
    depth = 0
    for place in range(start, len(pieces)):
        depth += (pieces[place][0] == "open") - (pieces[place][0] == "close")
        if depth == 0:
            return place
    return -1


def articles(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """`a`, `A` and `I` are words, unless what stands beside them is mathematics or a mark that no article has."""
    done = list(pieces)
    for place, (kind, value) in enumerate(pieces):
        if kind != "letter" or value not in "aAI":
            continue
        before = pieces[place - 1] if place else ("mark", ".")
        after = pieces[place + 1] if place + 1 < len(pieces) else ("mark", ".")
        further = pieces[place + 2] if place + 2 < len(pieces) else ("mark", ".")
        beside = next((p for p in reversed(pieces[:place]) if p[0] != "space"), ("mark", "."))
        if after[0] != "space" or before[0] not in ("space", "mark", "open"):
            continue
        beyond = [piece for piece in pieces[place + 3 : place + 5] if piece[0] != "space"]
        product = further[0] == "letter" and bool(beyond) and beyond[0][1] in "+="
        operator = product or further[0] == "symbol" or (beside[0] == "symbol" and beside[1] != "…")
        matrix = value == "A" and (beside[0] == "word" or further[1] in ("and", "or", "is", "has"))
        if not (operator or matrix or (further[0] == "letter" and further[1] not in "aAI" and value != "a")):
            done[place] = ("word", value)
    return done


def operator_word(pieces: list[tuple[str, str]], place: int) -> bool:
    """Whether the word here is an operator: mathematics follows `deg` or `max`, or stands at both sides of `mod`."""
    value = pieces[place][1]
    rest = [piece for piece in pieces[place + 1 : place + 3] if piece[0] != "space"]
    glued = bool(rest) and rest[0] == pieces[place + 1] and rest[0][1] in "(["
    if value in NAMED and (glued or (value not in VERBS and bool(rest) and rest[0][0] in MATHEMATICS)):
        return True
    near = [pieces[at] for at in (place - 2, place + 2) if 0 <= at < len(pieces)]
    if value in ACRONYMS:
        return any(kind == "symbol" and symbol != "…" for kind, symbol in near)
    return value == "mod" and len(near) == 2 and near[0][0] in {*MATHEMATICS, "close"} and near[1][0] == "letter"


def shape_at(pieces: list[tuple[str, str]], place: int) -> bool:
    """Whether a shape such as n × n begins here, which is said of what stands before it."""
    here = [value for _, value in pieces[place : place + 5]]
    return len(here) == 5 and here[2] == "×" and here[0] == here[4] and place > 1 and pieces[place - 2][0] != "symbol"


def members(pieces: list[tuple[str, str]]) -> list[bool]:
    """Which pieces are mathematics."""
    inside = [kind in MATHEMATICS for kind, _ in pieces]
    for place, (kind, _) in enumerate(pieces):
        if kind == "word" and operator_word(pieces, place):
            inside[place] = True
    for place, (kind, _) in enumerate(pieces):
        if kind == "open" and place > 0 and inside[place - 1]:
            end = closing(pieces, place)
            if end > 0:
                inside[place : end + 1] = [True] * (end + 1 - place)
    return inside


def runs(pieces: list[tuple[str, str]]) -> Iterator[tuple[bool, list[tuple[str, str]]]]:
    """Whether a stretch is mathematics, and its pieces; numbers and brackets between mathematics belong to it."""
    inside = members(pieces)
    place = 0
    while place < len(pieces):
        end = place
        if inside[place] or pieces[place][0] in ("number", "open"):
            end = longest(pieces, inside, place)
        if end > place:
            yield True, pieces[place:end]
            place = end
        else:
            yield False, [pieces[place]]
            place += 1


def belongs(pieces: list[tuple[str, str]], inside: list[bool], place: int, depth: int) -> bool:
    """Whether a piece that is no bracket can stand within mathematics; commas do inside brackets."""
    kind, value = pieces[place]
    return inside[place] or kind in ("number", "space") or (depth > 0 and kind == "mark" and value in ",;:")


def longest(pieces: list[tuple[str, str]], inside: list[bool], start: int) -> int:
    """Where the mathematics that begins at `start` ends; `start` itself if there is none."""
    best, depth, place = start, 0, start
    while place < len(pieces):
        kind, _ = pieces[place]
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
            if depth < 0:
                break
        elif not belongs(pieces, inside, place, depth) or (depth == 0 < place - start and shape_at(pieces, place)):
            break
        place += 1
        if depth == 0 and pieces[place - 1][0] != "space" and any(inside[start:place]):
            best = place
    return best


def group(pieces: list[tuple[str, str]], place: int) -> tuple[str, int]:
    """What an index, an exponent or a root is of, as LaTeX, and the place after it."""
    kind, value = pieces[place]
    if kind == "open":
        end = closing(pieces, place)
        body = latex(pieces[place + 1 : end])
        return body if value in "{(" else f"{value}{body}]", end + 1
    if value in "−+" and place + 1 < len(pieces):  # 2^−p
        body, end = group(pieces, place + 1)
        return latex([pieces[place]]) + body, end
    if kind == "letter":
        end = place
        while end < len(pieces) and pieces[end][0] == "letter" and end - place < 3:
            end += 1
        while end < len(pieces) and pieces[end][0] == "prime":  # of the index: δ_p' is δ_{p'}
            end += 1
        return latex(pieces[place:end]), end
    return latex([pieces[place]]), place + 1


def latex(pieces: list[tuple[str, str]]) -> str:
    """Pieces of mathematics as LaTeX; words among them as text.

    >>> latex(atoms("Σ_k b_k ≤ √(p − 1) N²"))
    '\\\\sum _{k} b_{k} \\\\le  \\\\sqrt{p - 1} N^{2}'
    """
    out: list[str] = []
    place = 0
    while place < len(pieces):
        kind, value = pieces[place]
        if kind == "index" and place + 1 < len(pieces):
            body, place = group(pieces, place + 1)
            out.append(f"{value}{{{body.strip()}}}")
            continue
        if kind == "root" and place + 1 < len(pieces):
            body, place = radicand(pieces, place + 1)
            out.append(rf"\sqrt{{{body.strip()}}}")
            continue
        applied = pieces[max(0, place - 2) : place]
        named = bool(applied) and (applied[-1][1] in LATEX or (applied[0][1] in LATEX and applied[-1][0] == "lowered"))
        out.append("\\, " if kind == "space" and named else one(kind, value))
        place += 1
    return re.sub(r" \}\s*\\text\{ ", " ", "".join(out)).strip()


def radicand(pieces: list[tuple[str, str]], place: int) -> tuple[str, int]:
    """What stands below a root: a bracket, or a letter with its index."""
    if pieces[place][0] == "open":
        end = closing(pieces, place)
        return latex(pieces[place + 1 : end]), end + 1
    end = place + 1
    while end < len(pieces) and pieces[end][0] == "index":
        _, end = group(pieces, end + 1)
    if end < len(pieces) and pieces[end][0] == "lowered":
        end += 1
    return latex(pieces[place:end]), end


def one(kind: str, value: str) -> str:
    """One piece as LaTeX."""
    if kind == "letter":
        return f"{GREEK[value]} " if value in GREEK else SYMBOLS.get(value, value)
    if kind == "raised":
        return f"^{{{''.join(RAISED[digit] for digit in value)}}}"
    if kind == "lowered":
        return f"_{{{''.join(LOWERED.get(digit, digit) for digit in value)}}}"
    if kind == "word":
        if value == "mod":
            return r"\bmod "
        if value in LATEX:
            return rf"\{value} "
        return rf"\operatorname{{{value}}}" if value in (*NAMED, *ACRONYMS) else rf"\text{{ {value} }}"
    if kind == "star":
        return "^{*}"
    if kind in ("open", "close") and value in "{}":
        return "\\" + value
    if kind == "number":
        return value.replace(",", "{,}")
    return {"|": r"\vert ", "%": r"\%", "#": r"\#", "&": r"\&"}.get(value, SYMBOLS.get(value, value))


WIDE = "\N{EM SPACE}"
EMPHASIS = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=\S)\*(?!\w)")


def inline(text: str) -> str:
    """A sentence with its mathematics between dollars.

    >>> inline("Let n ≤ (N + 1)/2, and M[i, j] = ∏_k f_k. A matrix of order 2 is `fourier`.")
    'Let $n \\\\le  (N + 1)/2$, and $M[i, j] = \\\\prod _{k} f_{k}$. A matrix of order 2 is `fourier`.'
    """
    parts = EMPHASIS.split(text)  # every other part is emphasised
    return "".join(f"*{plain(part)}*" if number % 2 else plain(part) for number, part in enumerate(parts))


def plain(text: str) -> str:
    """A sentence without emphasis."""
    written = []
    for mathematics, pieces in runs(articles(atoms(text))):
        written.append(f"${latex(pieces)}$" if mathematics else "".join(value for _, value in pieces))
    return "".join(written)


def display(lines: list[str]) -> str:
    """Indented lines as one equation, which a page breaks before relations where it has to."""
    rows = [latex(atoms(re.sub(r" {2,}", f" {WIDE} ", line.strip()))).replace(WIDE, r"\quad ") for line in lines]
    return f"$$\n{' '.join(rows)}\n$$"


def converted(text: str) -> str:
    """A page of Markdown whose mathematics is plain text, with LaTeX in its place. The title stays as it is."""
    blocks = re.split(r"\n{2,}", text.strip("\n"))
    return "\n\n".join(block_of(block) for block in blocks) + "\n"


def block_of(block: str) -> str:
    """A heading, an equation, a table, a list or a paragraph."""
    lines = block.split("\n")
    if block.startswith("# ") or block.startswith("```"):
        return block
    if block.startswith("#"):
        marks, _, words = block.partition(" ")
        return f"{marks} {inline(words)}"
    if all(line.startswith("    ") for line in lines):
        return display(lines)
    if all(line.startswith("|") for line in lines):
        return "\n".join("|".join(inline(cell) for cell in re.split(r"(?<!\\)\|", line)) for line in lines)
    items = re.split(r"\n(?=[*-] )", block)
    return "\n".join(item_of(item) for item in items)


def item_of(item: str) -> str:
    """One item of a list, or a paragraph: its lines joined, since mathematics may go over the end of one."""
    joined = re.sub(r"\s*\n\s*", " ", item)
    bullet = re.match(r"[*-] ", joined)
    return f"{bullet[0]}{inline(joined[2:])}" if bullet else inline(joined)
