"""What every room's tests share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def examples() -> Path:
    """The project's own portraits and recording."""
    return Path(__file__).parents[1] / "examples"
