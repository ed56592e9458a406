"""The house as it is drawn: no circles, nothing runs up from the reference, the table as the imports are."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def rooms():
    sys.path.insert(0, str(ROOT / "docs" / "_extensions"))
    try:
        import rooms as module
    finally:
        sys.path.pop(0)
    return module


@pytest.fixture(scope="module")
def arrows(rooms):
    """Which room imports which; every file is read for it."""
    return rooms.arrows()


def test_no_rooms_import_one_another_in_a_circle(rooms, arrows):
    floors = rooms.floors(arrows)
    level = {room: k for k, floor in enumerate(floors) for room in floor}
    assert all(level[below] < level[room] for room, to in arrows.items() for below in to)
    with pytest.raises(ValueError, match="cycle"):
        rooms.floors({"a": {"b"}, "b": {"a"}})


def test_the_reference_stands_without_the_implementations(arrows):
    theory = {room: to for room, to in arrows.items() if room.startswith("monarch_theory")}
    assert theory and not any(below.startswith("monarch_gpu") for to in theory.values() for below in to)


def test_the_table_of_rooms_is_what_the_imports_say(rooms, arrows):
    page = rooms.PAGE.read_text(encoding="utf-8")
    assert page == rooms.written(page, rooms.table(arrows)), "run python docs/_extensions/rooms.py"


def test_the_picture_leaves_out_only_what_follows(rooms):
    assert rooms.shortest({"a": {"b", "c"}, "b": {"c"}}) == {"a": {"b"}, "b": {"c"}}


WHEREVER = """
import monarch_theory.plain
if TYPE_CHECKING:
    import monarch_theory.types
elif any:
    import monarch_theory.types_too
if x:
    pass
elif y:
    from monarch_theory import other
try:
    import monarch_theory.tried
except OSError:
    import monarch_theory.failed
else:
    import monarch_theory.done
finally:
    import monarch_theory.last
class A:
    async def method(self):
        async with x:
            match x:
                case 1:
                    from monarch_theory.matched import name
        for _ in x:
            pass
        else:
            import numpy, monarch_gpu.looped
"""


def test_imports_are_seen_wherever_they_stand_but_for_types(rooms, tmp_path):
    (tmp_path / "file.py").write_text(WHEREVER)
    names = ("plain", "other", "tried", "failed", "done", "last", "matched")
    assert set(rooms.imported(tmp_path / "file.py")) == {"monarch_gpu.looped", *(f"monarch_theory.{n}" for n in names)}
