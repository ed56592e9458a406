"""What is exported here is exported quickly."""

from collections.abc import Iterator

import pytest
from zygote import find_operators_once


@pytest.fixture(scope="session", autouse=True)
def exported_quickly() -> Iterator[None]:
    """No test loads operators of C++, for which torch looks at every export."""
    with pytest.MonkeyPatch.context() as patch:
        find_operators_once(patch.setattr)
        yield
