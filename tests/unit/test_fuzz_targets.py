"""The targets of fuzzing over their seeds, on every platform, and that each can fail."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fuzz.contract import pieces, tried
from fuzz.target import KEPT_INPUTS, load, names, seeds_of
from gate import parse
from gate.errors import ForeignTextError
from gate.model.basics import Claim
from gate.model.parsed import ObjectListing

# Parts of parsers, which their own tests and the targets of those parsers go through.
PARTS = {"text"}
MUTATIONS = 40
MOST_BYTES = 4096


@pytest.mark.parametrize("name", names())
def test_no_seed_breaks_a_contract(name: str) -> None:
    seeds = seeds_of(name)
    assert len(seeds) > 4
    for seed in seeds:
        load(name).check(seed)


@pytest.mark.parametrize("name", names())
def test_no_simple_change_of_a_seed_does(name: str) -> None:
    """The same few changes each time; `make fuzz` looks for better ones."""
    rng = random.Random(name)
    target = load(name)
    seeds = [seed[:MOST_BYTES] for seed in seeds_of(name)]
    for _ in range(MUTATIONS):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data) + 1)
            word = rng.choice([*target.words, bytes([rng.randrange(256)]), b""])
            data[at : at + rng.randrange(4)] = word
        target.check(bytes(data))


def test_every_parser_has_a_target() -> None:
    modules = {file.stem for file in Path(parse.__path__[0]).glob("*.py")} - {"__init__"}
    label = {parser for name in names() for parser in load(name).parsers}
    assert label - modules == set()
    assert modules - label - PARTS == set(), "add them to a target in fuzz/targets"


def test_what_was_found_is_kept_under_a_targets_name() -> None:
    assert {folder.name for folder in KEPT_INPUTS.iterdir()} <= set(names())


def claims_everything(real: Callable[..., Any]) -> Callable[..., Any]:
    def parser(log: bytes, plan: list[str]) -> Any:
        report = real(log, plan)
        lines = tuple(replace(line, claim=Claim.UPLOADED, error=None) for line in report.lines)
        return replace(report, lines=lines, contradicted=())

    return parser


BROKEN: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "push_log": ("parse_push_log", claims_everything),
    "narinfo": ("check_url", lambda real: lambda info, **named: "../" + real(info, **named)),
    "s3": ("parse_objects", lambda real: lambda data: ObjectListing(keys=())),
    "store_path": ("from_nix32", lambda real: lambda text: real(text)[::-1]),
    "signature": (
        "verify",
        lambda real: lambda facts, signature, keys: ":" in signature or real(facts, signature, keys),
    ),
    "locator": ("parse_locator", lambda real: lambda text: replace(real(text), path="/a/../b")),
    "zstd_cuts": ("ZstdCuts", lambda real: type("Cuts", (), {"parts": lambda self, data: iter([data[1:]])})),
    "marker_frame": (
        "parse_frame",
        lambda real: lambda data, nonce: real(data, nonce) if data[-1:] == b"\n" else 0 / 0,
    ),
    "proc_net": ("parse_tcp_sockets", lambda real: lambda data: real(data)[1:]),
    "tofu_state": ("parse_state", lambda real: lambda data: (_ for _ in ()).throw(ForeignTextError(repr(data)))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_parser_that_breaks_its_contract_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = load(name)
    function, broken = BROKEN[name]
    module = __import__(f"fuzz.targets.{name}", fromlist=[function])
    monkeypatch.setattr(module, function, broken(getattr(module, function)))
    caught = 0
    for seed in seeds_of(name):
        try:
            target.check(seed)
        except Exception:  # noqa: BLE001  # whatever a target lets out is a finding
            caught += 1
    assert caught


def test_pieces_are_the_whole() -> None:
    for data in (b"", b"x", bytes(range(256)) * 9, bytes(1000)):
        assert b"".join(pieces(data)) == data


@pytest.mark.parametrize("reply", ["a\nb", "x" * 2000])
def test_an_errors_sentence_is_one_short_line(reply: str) -> None:
    def parser() -> None:
        raise ForeignTextError(reply)

    with pytest.raises(AssertionError):
        tried(parser)
