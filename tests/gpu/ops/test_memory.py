"""Memory of large results is used again once its tensor is gone, and not before."""

import mmap
import os
import time
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from monarch_gpu.ops.torch import monarch_multiply  # noqa: E402
from monarch_gpu.ops.torch.cpu import memory  # noqa: E402

pytestmark = pytest.mark.skipif(not hasattr(mmap, "MADV_FREE"), reason="needs MADV_FREE")

LARGE = (2, 2**20)


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    memory.keep(2**32)
    yield
    memory.keep(0)
    assert memory.held() == 0


def empty(shape: tuple[int, ...] = LARGE, dtype: Any = None) -> Any:
    return memory.empty(torch.empty(0, dtype=dtype), shape)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_memory_serves_again_when_the_tensor_is_gone(dtype: Any) -> None:
    x = empty(dtype=dtype)
    assert x.shape == LARGE and x.dtype == dtype and x.is_contiguous() and x.data_ptr() % 64 == 0
    address = x.data_ptr()
    del x
    assert memory.held() == 2**21 * dtype.itemsize
    assert empty(dtype=dtype).data_ptr() == address


def test_nothing_is_kept_unless_asked_for() -> None:
    memory.keep(0)
    results = [empty() for _ in range(40)]
    del results
    assert memory.held() == 0


@pytest.mark.parametrize(("asked", "most"), [("", 0), ("4096", 4096), ("1", memory.memory_of_process() // 2)])
def test_the_environment_asks_at_the_start(asked: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONARCH_KEEP_MEMORY", asked)
    started = module_from_spec(spec := spec_from_file_location("started", memory.__file__))  # type: ignore[arg-type]
    spec.loader.exec_module(started)  # type: ignore[union-attr]
    assert started.limit() == most and memory.limit() != most


def test_sizes_that_differ_little_share_a_class() -> None:
    x = empty((2**22 - 100,))
    address, count = x.data_ptr(), x.numel()
    del x
    y = empty((2**22 - 200_000,))
    assert y.data_ptr() == address and y.numel() == count - 200_000 + 100
    assert all(s <= memory.size_class(s) <= s + s // 8 + 1 for s in range(2**22, 2**24, 99_991))


def test_a_control_group_sets_the_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "memory.max").write_text("1048576\n")
    (tmp_path / "unlimited").write_text("max\n")
    for name, most in {"memory.max": 2**20, "unlimited": None, "nowhere": None}.items():
        monkeypatch.setattr(memory, "CGROUP", (tmp_path / name,))
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        assert memory.memory_of_process() == (most or machine)
    with pytest.raises(ValueError, match="most: expected a number of bytes"):
        memory.keep(-1)


KEEPS = {
    "the tensor": lambda x, _: x, "a view": lambda x, _: x[1, 5:], "a detached view": lambda x, _: x[0].detach(),
    "an array": lambda x, _: x.numpy(), "a graph": lambda x, parameter: (x * parameter).sum(),
}  # fmt: skip


@pytest.mark.parametrize("keep", KEEPS)
def test_memory_in_use_is_not_given_away(keep: str) -> None:
    parameter = torch.ones((), requires_grad=True)
    kept = KEEPS[keep](empty().fill_(3.0), parameter)
    others = [empty().fill_(7.0) for _ in range(3)]
    assert memory.held() == 0
    if keep == "a graph":
        kept.backward()
        assert parameter.grad == 3.0 * 2**21
    else:
        assert (kept == 3.0).all()
    assert all((other == 7.0).all() for other in others)


def test_small_results_and_other_devices_are_left_to_torch() -> None:
    assert empty((4,)).shape == (4,)
    assert memory.empty(torch.empty(0, device="meta"), LARGE).device.type == "meta"
    assert memory.held() == 0


def test_no_more_is_held_than_allowed_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "WARM", 2**24)
    memory.keep(2**26)
    sizes = [2**23 + 2**20 * k for k in range(8)]
    for size in sizes:
        empty((size // 4,))
    held = [len(region.memory) for region in (*memory._cold, *memory._warm)]
    assert held == sizes[-len(held) :] and 2**26 - 2**24 < memory.held() <= 2**26
    assert memory._size(memory._warm) <= 2**24 + sizes[-1]


def wait_for(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def return_three(monkeypatch: pytest.MonkeyPatch, idle: float) -> None:
    monkeypatch.setattr(memory, "WARM", 2**23)
    monkeypatch.setattr(memory, "IDLE", idle)
    tensors = [empty() for _ in range(3)]
    del tensors


def test_what_is_not_used_for_a_while_is_offered_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    return_three(monkeypatch, 0.1)
    assert wait_for(lambda: len(memory._cold) == 2)
    assert len(memory._warm) == 1
    assert (empty().fill_(5.0) == 5.0).all()


def test_what_came_back_lately_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    return_three(monkeypatch, 3600.0)
    memory._cool(time.monotonic() - memory.IDLE)
    assert len(memory._warm) == 3
    memory._cool(memory._warm[1].since)
    assert (len(memory._cold), len(memory._warm)) == (2, 1)


def test_new_memory_is_asked_for_when_the_old_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    return_three(monkeypatch, 3600.0)
    other = empty((3, 2**20))
    assert len(memory._cold) == 2 and other.shape == (3, 2**20)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded")
def test_a_child_process_offers_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    return_three(monkeypatch, 0.1)
    child = os.fork()
    if child == 0:
        memory._warm.clear()
        memory._cold.clear()
        return_three(monkeypatch, 0.1)
        os._exit(0 if wait_for(lambda: len(memory._cold) == 2) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_where_no_memory_is_left_what_is_held_goes_and_torch_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    empty()

    def refuses(size: int) -> None:
        raise OSError("Cannot allocate memory")

    monkeypatch.setattr(memory, "_new", refuses)
    assert empty((3, 2**20)).shape == (3, 2**20)
    assert memory.held() == 0


def test_results_outlive_the_next_products() -> None:
    x, *factors = (torch.randn(s) for s in ((128, 16384), (128, 128, 128), (128, 128, 128)))
    first = monarch_multiply(x, *factors)
    copy = first.clone()
    for _ in range(3):
        monarch_multiply(x + 1, *factors)
    assert torch.equal(first, copy)


def test_results_can_be_shared_saved_and_added_to(tmp_path: Any) -> None:
    x = empty().fill_(1.0)
    torch.save(x, tmp_path / "x.pt")
    assert torch.equal(torch.load(tmp_path / "x.pt"), x)
    assert torch.equal(x.add_(1.0), torch.full(LARGE, 2.0))
    assert torch.equal(x.share_memory_(), torch.full(LARGE, 2.0))
