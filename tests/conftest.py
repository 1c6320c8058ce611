"""What tests of several folders share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of third parties' data and measurements, which is not part of the project."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("KVX_EMU_SHARED", root.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}")
    return folder
