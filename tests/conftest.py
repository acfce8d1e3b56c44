"""Where the sample evidence lies: beside the project, or nowhere (then its tests say so and are skipped)."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def shared_evidence() -> Path:
    """The folder of real sample files; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("POSTVAKT_EVIDENCE", HERE.parent.parent / "shared" / "evidence"))
    if not folder.is_dir():
        pytest.skip(f"no sample evidence at {folder}; set POSTVAKT_EVIDENCE to read it")
    return folder


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name cases of bytes by their argument: archives hold the time they were made, and workers must agree."""
    return argname if isinstance(val, bytes) else None
