"""The archive of about 2,700 real builds with a failing cache, each with the truth of what was built beside it."""

import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.model.parsed import LedgerPath, Masked
from gate.parse.nix_log import parse_nix_log

ARCHIVE = Path(__file__).parents[3] / "fixtures/recordings/nix/recordings.tar.xz"
CACHE = "http://127.0.0.1:38471"
BASE = "/nix/store/64q9q1gcfvdixmpa3fsrqmz7kx2lx7cf-lab-base-1.0"
LIB = "/nix/store/7sg1dn4ay1zmjxnbwxn6n686nx5zw28h-lab-lib-1.0"
APP = "/nix/store/sdq8j25qfqlsq84fr486582qbnhl6z19-lab-app-1.0"
BASE_DRV = "/nix/store/qqsh1wcb7d9xkcpgkv9ng3ksay284py0-lab-base-1.0.drv"
LIB_DRV = "/nix/store/gqd2365f2hjlc8d8y292cra66pksk5x8-lab-lib-1.0.drv"
APP_DRV = "/nix/store/z5n0djgkx9wv0s3jdr13m34gd4034jrg-lab-app-1.0.drv"
OUTPUTS = {BASE_DRV: (BASE,), LIB_DRV: (LIB,), APP_DRV: (APP,)}

# Formats that run no build, or print nothing of one: see fixtures/recordings/nix/README.md.
NO_BUILD = ("after-", "copy-from", "path-info", "store-verify")
SILENT = {"pty", "plain-quiet", "nix-build-quiet"}
# Built because the cache never had the path, as far as anybody can tell from outside (401, 403 and 410 look like 404),
# or because substitution was off.
NEVER_CACHED = {
    "g-narinfo-401",
    "h-narinfo-403",
    "h-narinfo-404",
    "h-narinfo-410",
    "n-toponly-narinfo-404",
    "n-deponly-narinfo-404",  # but 2.34.8 then rebuilds what the cache has
    "w-substitute-false",
}


@pytest.fixture(scope="module")
def recordings() -> dict[str, bytes]:
    with tarfile.open(ARCHIVE) as archive:
        return {
            member.name: file.read()
            for member in archive
            if member.name.endswith((".stderr", ".exit", ".truth", ".events")) and (file := archive.extractfile(member))
        }


def runs(recordings: dict[str, bytes]) -> Iterator[tuple[str, str, str, int, dict[str, Any], bytes]]:
    """Version, fault, format, exit code, truth and log of every build command."""
    for name, data in recordings.items():
        if not name.endswith((".stderr", ".events")):
            continue
        stem = name.rpartition(".")[0]
        version, _, rest = stem.partition("/")
        fault, _, form = rest.replace(".nofallback.", ".fallback.").partition(".fallback.")
        if not form.startswith(NO_BUILD):
            form = "events" if name.endswith(".events") else form
            truth = json.loads(recordings[f"{stem}.truth"])
            yield version, fault, form, int(recordings[f"{stem}.exit"]), truth, data


def is_masked(version: str, fault: str, exit_code: int, truth: dict[str, Any]) -> bool:
    """Whether a build that ended well built what a cache had, or might have had."""
    rebuilt = fault == "n-deponly-narinfo-404" and version == "2.34.8"
    return exit_code == 0 and bool(truth["builders_run"]) and (fault not in NEVER_CACHED or rebuilt)


@pytest.mark.slow
def test_every_recorded_build_against_its_truth(recordings: dict[str, bytes]) -> None:
    """No false alarm, and nothing overlooked."""
    observation: Counter[tuple[str, bool, bool]] = Counter()
    for version, fault, form, exit_code, truth, data in runs(recordings):
        if form in SILENT or (version, form) == ("2.3.7", "plain"):
            continue
        masked = is_masked(version, fault, exit_code, truth)
        ledger = parse_nix_log(data, exit_code=exit_code)
        assert bool(ledger.masked) == masked, (version, fault, form)
        assert ledger.aborted == (exit_code == -6 and form != "events"), (version, fault, form)
        kind = "json" if ledger.events else "text"
        observation[kind, masked, exit_code == 0] += 1
    assert observation == {
        ("json", True, True): 426,
        ("json", False, True): 142,
        ("json", False, False): 320,
        ("text", True, True): 771,
        ("text", False, True): 262,
        ("text", False, False): 628,
    }


@pytest.mark.slow
def test_ledgers_of_recorded_builds_say_what_the_store_says(recordings: dict[str, bytes]) -> None:
    """Events only: what was built and what was substituted, path by path, whatever the exit code."""
    compared = 0
    for version, fault, form, exit_code, truth, data in runs(recordings):
        if "json" not in form and form != "events":
            continue
        ledger = parse_nix_log(data, exit_code=exit_code, built_outputs=OUTPUTS)
        if not ledger.events or exit_code == -6:
            continue
        assert bool(ledger.masked) == is_masked(version, fault, exit_code, truth), (version, fault, form)
        built = {path.store_path[44:] for path in ledger.paths if path.how in {"built", "rebuilt"}}
        substituted = {path.store_path[44:] for path in ledger.paths if path.how == "substituted"}
        assert built == set(truth["builders_run"]), (version, fault, form)
        if not fault.startswith("w-already"):
            assert substituted == set(truth["substituted"]), (version, fault, form)
        compared += 1
    assert compared == 871


CAUSES = {
    "a-nar-cl-zero-close": "partial-transfer",
    "a-nar-cl-zero-rst": "partial-transfer",
    "a-nar-no-reply": "partial-transfer",
    "b-nar-chunked-zero-close": "partial-transfer",
    "c-nar-truncated": "partial-transfer",
    "c-nar-truncated-chunked": "partial-transfer",
    "c-nar-truncated-short-cl": "decompress",
    "c-nar-truncated-short-cl+none": "incomplete",
    "d-nar-500": "http-error",
    "d-nar-503": "http-error",
    "e-nar-404": "nar-missing",
    "e-nar-403": "nar-missing",
    "e-nar-401": "nar-missing",
    "e-nar-410": "nar-missing",
    "f-nar-other-content": "hash-mismatch",
    "f-nar-corrupt-bytes": "decompress",
    "f-nar-corrupt-bytes+none": "hash-mismatch",
    "f-nar-html": "decompress",
    "i-nar-refused": "connect",
    "j-nar-stall": "timeout",
    "j-nar-stall-half": "timeout",
    "m-nar-empty": "incomplete",
}


def test_the_causes_of_bodies_that_failed(recordings: dict[str, bytes]) -> None:
    checked = 0
    for version, fault, form, exit_code, _, data in runs(recordings):
        if fault not in CAUSES or exit_code or form not in {"internal-json", "plain", "events"} or version == "2.3.7":
            continue
        first = parse_nix_log(data, exit_code=0).masked[0]
        assert first == Masked(name=BASE, cause=CAUSES[fault], certainty="proven", cache=CACHE), (version, fault, form)
        checked += 1
    assert checked == 166


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2.26.3/g-narinfo-500.fallback.internal-json", (APP, "http-error", "suspected", CACHE)),
        ("2.8.0/g-narinfo-200-html.fallback.internal-json", (APP, "narinfo-corrupt", "suspected", CACHE)),
        ("2.34.8/g-narinfo-truncated.fallback.internal-json", (APP, "partial-transfer", "suspected", CACHE)),
        ("2.34.8/g-cacheinfo-404.nofallback.internal-json", (CACHE, "cache-info", "suspected", CACHE)),
        ("2.8.0/g-cacheinfo-500.nofallback.internal-json", (CACHE, "cache-info", "suspected", CACHE)),
        ("2.26.3/i-server-down.nofallback.internal-json", (CACHE, "connect", "suspected", CACHE)),
        ("2.8.0/j-connect-timeout.nofallback.internal-json", (CACHE, "timeout", "suspected", CACHE)),
        ("2.8.0/k-no-signature.nofallback.internal-json", (APP, "untrusted-signature", "suspected", CACHE)),
        ("2.34.8/k-untrusted-key.nofallback.internal-json", (APP, "untrusted-signature", "proven", CACHE)),
        ("2.34.8/n-deponly-narinfo-404.nofallback.internal-json", (APP, "not-asked", "proven", CACHE)),
    ],
)
def test_what_could_not_be_asked_and_what_was_never_tried(
    recordings: dict[str, bytes], name: str, expected: tuple[str, str, str, str]
) -> None:
    masked = parse_nix_log(recordings[f"{name}.stderr"], exit_code=0).masked
    assert expected in [(one.name, one.cause, one.certainty, one.cache) for one in masked]


def test_one_bad_dependency_without_fallback_path_by_path(recordings: dict[str, bytes]) -> None:
    data = recordings["2.26.3/n-deponly-nar-404.nofallback.internal-json.stderr"]
    ledger = parse_nix_log(data, exit_code=0, built_outputs=OUTPUTS)
    assert ledger.paths == (
        LedgerPath(store_path=BASE, how="substitute-failed", cause="nar-missing"),
        LedgerPath(store_path=LIB, how="substituted"),
        LedgerPath(store_path=APP, how="substituted"),
        LedgerPath(store_path=BASE, how="rebuilt"),
    )
    by_name = parse_nix_log(data, exit_code=0)
    assert by_name.paths[3] == LedgerPath(store_path=BASE_DRV, how="rebuilt")
    assert {text.partition(" does")[0] for text in ledger.errors} == {
        "file 'nar/030sqx805nr4zpv6rbndpz9hl7yisv38dwz8kr2bl12g23685fxp.nar.xz'"
    }


def test_an_abort_is_told(recordings: dict[str, bytes]) -> None:
    ledger = parse_nix_log(recordings["2.8.0/g-narinfo-500.fallback.internal-json.stderr"], exit_code=-6)
    assert ledger.aborted
    assert ledger.masked == ()
    assert ledger.errors[0].startswith(f"unable to download '{CACHE}/sdq8j25qfqlsq84fr486582qbnhl6z19.narinfo': HTTP")


def test_nothing_is_masked_by_a_build_that_failed_and_unknown_is_not_failed(recordings: dict[str, bytes]) -> None:
    data = recordings["2.8.0/u-rebuild-fails-nar-500.fallback.internal-json.stderr"]
    assert parse_nix_log(data, exit_code=1).masked == ()
    assert parse_nix_log(data, exit_code=None).masked != ()
    assert parse_nix_log(data, exit_code=1).paths[0] == LedgerPath(
        store_path=BASE, how="substitute-failed", cause="http-error"
    )
