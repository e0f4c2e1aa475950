"""The generated documents are what the code says now."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
GENERATED = (
    *("docs/settings.md", "docs/reason-codes.md", "docs/trust.md", "docs/action.md", "docs/exit-codes.md"),
    *("action.yml", "README.md", "workflows/README.md"),
)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated_docs", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generated_docs"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", GENERATED)
def test_a_generated_document_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == generator().documents()[path], "run `make docs`"


def test_every_document_that_is_generated_is_checked_here() -> None:
    assert set(generator().documents()) == set(GENERATED)
