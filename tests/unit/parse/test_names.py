"""Names that Attic and S3 take."""

import pytest

from gate.parse.text import is_bucket_name, is_cache_name


@pytest.mark.parametrize("name", ["main", "a", "0", "Team_1", "owner+project", "a-b", "a" * 50])
def test_a_cache_name(name: str) -> None:
    assert is_cache_name(name)


@pytest.mark.parametrize("name", ["", "a.b", "-a", "+a", "_a", "a" * 51, "a/b", "a*", "é", "a\n", "..", "a b"])
def test_no_cache_name(name: str) -> None:
    assert not is_cache_name(name)


@pytest.mark.parametrize("name", ["attic", "a.b-c", "tofu-state", "Old_Bucket", "000", "a" * 63])
def test_a_bucket_name(name: str) -> None:
    assert is_bucket_name(name)


@pytest.mark.parametrize("name", ["", "ab", "a" * 64, ".abc", "abc-", "a..b", "a+b", "a/b", "..", "abc\n", "é" * 3])
def test_no_bucket_name(name: str) -> None:
    assert not is_bucket_name(name)
