"""What Nix's commands print: ``path-info --json``, ``config show --json`` and ``store verify``."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Literal

from gate.errors import ForeignTextError
from gate.limits import NIX_JSON_BYTES
from gate.model.machine import NixSetting
from gate.model.parsed import NixBuilt, NixSettings
from gate.model.records import PathFacts
from gate.parse.nix_messages import is_retry, read_trouble, severity, without_severity
from gate.parse.store_path import STORE_DIR, from_base_name, sha256_nix32, store_path
from gate.parse.strict_json import as_count, as_flag, as_object, as_text, as_texts, loads
from gate.parse.text import decode, excerpt, strip_escapes


def parse_path_info(body: bytes) -> tuple[PathFacts, ...]:
    """Facts of each path in a ``nix path-info --json`` answer, sorted by path, references sorted.

    `ForeignTextError` when a path is not valid in that store (Nix says ``"valid": false`` or null, with exit code 0),
    is named twice, or is described in another form.
    """
    what = "The path info"
    facts = [_facts(path, entry) for path, entry in _entries(loads(body, cap=NIX_JSON_BYTES, what=what))]
    facts.sort(key=lambda each: each.store_path)
    for one, next_one in pairwise(facts):
        if one.store_path == next_one.store_path:
            raise ForeignTextError(f"{what} names {one.store_path} twice: expected each path once.")
    return tuple(facts)


def parse_narinfo_hashes(body: bytes) -> dict[str, str]:
    """The NarHash of each path that a cache has, by ``nix path-info --json --store``; what it lacks is left out."""
    hashes: dict[str, str] = {}
    for path, entry in _entries(loads(body, cap=NIX_JSON_BYTES, what="The path info")):
        if isinstance(entry, dict) and entry.get("valid") is not False:
            hashes[path] = sha256_nix32(as_text(entry.get("narHash"), f"The narHash of {path}"))
    return hashes


def parse_settings(body: bytes) -> NixSettings:
    """``nix show-config --json`` (``nix config show --json`` since 2.20); `ForeignTextError` for any other text."""
    what = "The settings of Nix"
    settings = as_object(loads(body, cap=NIX_JSON_BYTES, what=what), what)

    def setting(name: str) -> object:
        return as_object(settings.get(name), f"{what}: {name}").get("value")

    return NixSettings(
        substituters=as_texts(setting("substituters"), f"{what}: substituters"),
        trusted_public_keys=as_texts(setting("trusted-public-keys"), f"{what}: trusted-public-keys"),
        fallback=as_flag(setting("fallback"), f"{what}: fallback"),
    )


def parse_build(body: bytes) -> tuple[NixBuilt, ...]:
    """``nix build --json``: what was built, in Nix's order; `ForeignTextError` when it is anything else.

    A store path named on the command line comes as ``{"path": …}`` (2.8) or as a bare string (newer). Derivations
    whose path is itself an output (dynamic derivations) and outputs of unknown path are refused.
    """
    what = "The build's result"
    results = loads(body, cap=NIX_JSON_BYTES, what=what)
    if not isinstance(results, list):
        raise ForeignTextError(f"{what} is not a list: expected one entry for each thing that was asked for.")
    return tuple(_built(result) for result in results)


def _entries(answer: object) -> Iterator[tuple[str, object]]:
    """Each path in full, with what is said of it."""
    if isinstance(answer, list):
        for entry in answer:
            yield store_path(as_text(as_object(entry, "A path's info").get("path"), "A path")), entry
        return
    by_path = as_object(answer, "The path info")
    if "info" in by_path:
        store_dir = as_text(by_path.get("storeDir"), "The path info's storeDir")
        for name, entry in as_object(by_path["info"], "The path info's info").items():
            yield store_path(from_base_name(name, store_dir)), entry
        return
    for path, entry in by_path.items():
        yield store_path(path), entry


def _facts(path: str, entry: object) -> PathFacts:
    if entry is None or (isinstance(entry, dict) and entry.get("valid") is False):
        raise ForeignTextError(f"{path} is not valid in this store: build or fetch it first.")
    info = as_object(entry, f"The info of {path}")
    nar_hash = as_text(info.get("narHash"), f"The narHash of {path}")
    references = as_texts(info.get("references"), f"The references of {path}")
    return PathFacts(
        store_path=path,
        nar_hash=sha256_nix32(nar_hash),
        nar_size=as_count(info.get("narSize"), f"The narSize of {path}"),
        references=tuple(sorted({_full(reference) for reference in references})),
        signatures=_signatures(path, info.get("signatures", [])),
        # Nix 2.8 leaves the field out when it is false.
        ultimate=as_flag(info.get("ultimate", False), f"The ultimate of {path}"),
        # A text (2.8), an object (version 3); left out or null where the content does not make the name.
        content_addressed=info.get("ca") not in (None, ""),
    )


def _full(reference: str) -> str:
    return store_path(reference) if reference.startswith("/") else from_base_name(reference, STORE_DIR)


def _signatures(path: str, entries: object) -> tuple[str, ...]:
    """Signatures as ``<key name>:<base 64>``, sorted; since version 3 Nix writes them as objects."""
    what = f"The signatures of {path}"
    if not isinstance(entries, list):
        raise ForeignTextError(f"{what} are not a list: expected one.")
    texts = []
    for signature in entries:
        if isinstance(signature, dict):
            texts.append(f"{as_text(signature.get('keyName'), what)}:{as_text(signature.get('sig'), what)}")
        else:
            texts.append(as_text(signature, what))
    return tuple(sorted(texts))


def _built(result: object) -> NixBuilt:
    if isinstance(result, str):
        return NixBuilt(derivation=None, outputs={"out": store_path(result)})
    entry = as_object(result, "A build's result")
    if "drvPath" not in entry:
        return NixBuilt(derivation=None, outputs={"out": store_path(as_text(entry.get("path"), "A built path"))})
    derivation = store_path(as_text(entry["drvPath"], "A built derivation"))
    outputs = as_object(entry.get("outputs"), f"The outputs of {derivation}")
    if not outputs:
        raise ForeignTextError(f"{derivation} has no outputs: expected at least one.")
    return NixBuilt(
        derivation=derivation,
        outputs={
            name: store_path(as_text(path, f"Output {excerpt(name)} of {derivation}"))
            for name, path in sorted(outputs.items())
        },
    )


# What a run looks at, in the order of nix.conf(5). What this Nix does not have is left out.
WATCHED: Final = (
    *("accept-flake-config", "allow-new-privileges", "allow-unsafe-native-code-during-evaluation"),
    *("build-hook", "builders", "diff-hook", "external-builders", "fallback", "filter-syscalls", "hashed-mirrors"),
    *("impure-env", "plugin-files", "post-build-hook", "pre-build-hook", "require-sigs", "run-diff-hook", "sandbox"),
    *("sandbox-paths", "secret-key-files", "store", "substitute", "substituters", "trusted-public-keys"),
    *("trusted-substituters",),
)
_VALUE_CHARS: Final = 4096


def parse_nix_config(body: bytes) -> tuple[NixSetting, ...]:
    """The watched settings, by name; `ForeignTextError` for an answer that Nix does not give."""
    what = "The settings of Nix"
    settings = as_object(loads(body, cap=NIX_JSON_BYTES, what=what), what)
    rows = []
    for name in WATCHED:
        if name not in settings:
            continue
        row = as_object(settings[name], f"{what}: {name}")
        if "value" not in row:
            raise ForeignTextError(f"{what}: {name} has no value: expected one.")
        rows.append(NixSetting(name=name, value=_text(row["value"]), default=_text(row.get("defaultValue"))))
    missing = {"require-sigs", "sandbox", "substituters"} - {row.name for row in rows}
    if missing:
        raise ForeignTextError(f"{what} lack {min(missing)}: expected those of Nix 2.4 or later.")
    return tuple(rows)


def _text(value: object) -> str:
    """A value as nix.conf has it: words apart by blanks, flags as true and false."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        text = " ".join(_text(each) for each in value)
    elif isinstance(value, dict):
        text = " ".join(f"{name}={_text(each)}" for name, each in sorted(value.items()))
    else:
        text = str(value)
    if len(text) > _VALUE_CHARS:
        raise ForeignTextError(f"A setting of Nix has {len(text)} characters: expected at most {_VALUE_CHARS}.")
    return text


Outcome = Literal["whole", "wrong", "cut", "untrusted", "absent", "denied", "tls", "connect", "other"]
_CAUSES: Final[dict[str, Outcome]] = {
    "hash-mismatch": "wrong",
    "partial-transfer": "cut",
    "incomplete": "cut",
    "decompress": "wrong",
    "nar-missing": "absent",
    "auth": "denied",
    "cache-info": "denied",
    "tls": "tls",
    "connect": "connect",
    "timeout": "connect",
}
_WRONG: Final = re.compile(r"path '[^']+' was modified! expected hash")
_UNTRUSTED: Final = re.compile(r"path '[^']+' is untrusted")
_ABSENT: Final = re.compile(r"path '[^']+' (?:is not valid|does not exist)")
_DENIED: Final = re.compile(r"HTTP error (?:401|403|407)")
_NOT_FOUND: Final = re.compile(r"HTTP error (?:404|410)")
_MESSAGES: Final = 50  # more lines of one path's reading are not looked at


def read_verify(stderr: bytes) -> tuple[Outcome, str]:
    """What a reading that did not end well says, and its decisive line, made harmless; the worst word counts."""
    outcomes: list[tuple[Outcome, str]] = []
    for raw in stderr.split(b"\n")[:_MESSAGES]:
        line = decode(strip_escapes(raw)).strip()
        outcome = None if not line or is_retry(line) else _outcome(line)
        if outcome is not None:
            outcomes.append((outcome, excerpt(line)))
    order = ("wrong", "cut", "untrusted", "denied", "tls", "connect", "absent", "other")
    return min(outcomes, key=lambda each: order.index(each[0]), default=("other", "nothing that is known"))


def _outcome(line: str) -> Outcome | None:
    text = without_severity(line)
    if _WRONG.match(text):
        return "wrong"
    if _UNTRUSTED.match(text):
        return "untrusted"
    if _ABSENT.match(text):
        return "absent"
    if _DENIED.search(text):
        return "denied"
    if _NOT_FOUND.search(text):
        return "absent"
    trouble = read_trouble(line)
    if trouble is not None:
        return _CAUSES.get(trouble.cause, "other")
    return "other" if severity(line) == "error" else None
