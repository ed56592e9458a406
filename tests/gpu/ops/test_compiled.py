"""Compiled objects are kept, and what is loaded from the cache is whole and the user's own."""

import ctypes
import os
import shutil
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

from monarch_gpu.ops.torch.cpu import compiled

pytestmark = pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)
    file = tmp_path / "answer.cpp"
    file.write_text('extern "C" int answer() { return 42; }\n')
    return file


def built(source: Path) -> Path:
    return compiled.shared_object(source, [*compiled.compiler(), "-shared", "-fPIC"])


def answer(path: Path) -> int:
    # under a name of its own, since a library that is open already is not opened again
    copy = path.with_name(f"copy{len(list(path.parent.iterdir()))}.so")
    shutil.copy(path, copy)
    return int(ctypes.CDLL(str(copy)).answer())


def test_it_is_compiled_once(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = built(source)
    assert answer(first) == 42
    monkeypatch.setattr(compiled.subprocess, "run", None)
    assert built(source) == first


def test_another_source_or_command_is_another_object(source: Path) -> None:
    first = built(source)
    source.write_text(source.read_text().replace("42", "43"))
    second = built(source)
    assert second != first and answer(second) == 43
    assert compiled.shared_object(source, ["c++", "-shared", "-fPIC", "-O2"]) != second


@pytest.mark.parametrize(
    "damage", ["truncated", "replaced", "no checksum", "a broken checksum", "a link", "open to others"]
)
def test_what_is_not_whole_or_not_the_user_s_own_is_compiled_again(damage: str, source: Path, tmp_path: Path) -> None:
    path = built(source)
    evil = tmp_path / "evil.so"
    evil.write_bytes(b"not what was compiled")
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "replaced":
        shutil.copy(evil, path)
    elif damage == "no checksum":
        path.with_suffix(".sha256").unlink()
        shutil.copy(evil, path)
    elif damage == "a broken checksum":
        path.with_suffix(".sha256").write_bytes(b"\xff\xfe")
    elif damage == "a link":
        path.unlink()
        path.symlink_to(evil)
    else:
        path.chmod(0o777)
    again = built(source)
    assert answer(again) == 42 and not again.is_symlink() and compiled.is_own(again)


def test_a_folder_that_others_may_write_to_is_not_used(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = compiled.cache_folder()
    assert folder is not None
    folder.chmod(0o777)
    path = built(source)
    assert answer(path) == 42 and path.parent != folder
    assert "not the user's own, or others may write" in caplog.text


@pytest.mark.parametrize("home", ["/proc/nowhere", "", None])
def test_without_a_home_it_is_compiled_for_this_process(
    home: str | None, source: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")

    def no_home() -> Path:
        if home is None:
            raise RuntimeError("Could not determine home directory.")
        return Path(home or "/dev/null")

    monkeypatch.setattr(compiled.Path, "home", staticmethod(no_home))
    assert answer(built(source)) == 42
    assert "are not kept" in caplog.text


def test_a_folder_that_depends_on_where_the_user_is_is_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert compiled.cache_folder() == tmp_path / "home" / ".cache" / "monarch-mixer-toolkit"
    monkeypatch.setenv("HOME", "home")
    assert compiled.cache_folder() is None and "expected an absolute path" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_the_compiler_may_be_several_words(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", f"{shutil.which('env')} c++ -DUNUSED='two words'")
    assert compiler_words() == ["c++", "-DUNUSED=two words"]
    assert answer(built(source)) == 42


def compiler_words() -> list[str]:
    return compiled.compiler()[1:]


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root may give a file away")
def test_a_file_of_somebody_else_is_not_loaded(source: Path) -> None:
    path = built(source)
    os.chown(path, 12345, 12345)
    assert not compiled.is_own(path)
    assert compiled.is_own(built(source))
