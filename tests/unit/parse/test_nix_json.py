import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.model.parsed import NixBuilt, NixSettings
from gate.model.records import PathFacts
from gate.parse.nix_commands import parse_build, parse_narinfo_hashes, parse_path_info, parse_settings

NIX = Path("fixtures/recordings/nix")
VERSIONS = ["2.8.0", "2.26.3", "2.34.8"]

BASE = "/nix/store/64q9q1gcfvdixmpa3fsrqmz7kx2lx7cf-lab-base-1.0"
LIB = "/nix/store/7sg1dn4ay1zmjxnbwxn6n686nx5zw28h-lab-lib-1.0"
APP = "/nix/store/sdq8j25qfqlsq84fr486582qbnhl6z19-lab-app-1.0"
DRV = "/nix/store/z5n0djgkx9wv0s3jdr13m34gd4034jrg-lab-app-1.0.drv"
HASH = "sha256-IHudLM7mlIQ9jIh2fAg8OiXevyoLZt+7c68yQkxkJ0I="
NIX32 = "sha256:0hi7ci644cmgffxxyrhb5azxw99s7h47qxl8ihyq9576rqn9syr0"
INFO = {"narHash": HASH, "narSize": 35008, "references": [], "signatures": ["k:s"], "ultimate": True}
FACTS = PathFacts(store_path=BASE, nar_hash=NIX32, nar_size=35008, references=(), signatures=("k:s",), ultimate=True)


def recorded(version: str, name: str) -> bytes:
    return (NIX / version / f"{name}.stdout").read_bytes()


def read(info: object) -> tuple[PathFacts, ...]:
    return parse_path_info(json.dumps(info).encode())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "ultimate", "signed"),
    [
        ("a-nar-cl-zero-close.fallback.after-path-info", True, False),
        ("l-healthy.fallback.after-path-info", False, True),
    ],
)
def test_the_recorded_facts_tell_built_from_substituted(version: str, name: str, ultimate: bool, signed: bool) -> None:
    base, lib, app = parse_path_info(recorded(version, name))
    assert [base.store_path, lib.store_path, app.store_path] == [BASE, LIB, APP]
    assert [base.references, lib.references, app.references] == [(), (BASE,), (LIB,)]
    assert [base.nar_size, lib.nar_size, app.nar_size] == [35008, 117504, 116008]
    assert base.nar_hash == NIX32
    assert {each.ultimate for each in (base, lib, app)} == {ultimate}
    assert [len(each.signatures) for each in (base, lib, app)] == [int(signed)] * 3


@pytest.mark.parametrize("version", VERSIONS)
def test_a_caches_answer_is_read_too(version: str) -> None:
    paths = parse_path_info(recorded(version, "l-healthy.nofallback.path-info-recursive"))
    assert [each.store_path for each in paths] == [BASE, LIB, APP]
    assert not any(each.ultimate for each in paths)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_path_that_is_not_valid_is_named(version: str) -> None:
    with pytest.raises(ForeignTextError, match=f"{APP} is not valid in this store"):
        parse_path_info(recorded(version, "h-narinfo-404.nofallback.path-info-single"))


def test_all_forms_say_the_same() -> None:
    structured = [{"keyName": "k", "sig": "s"}]
    name = BASE.removeprefix("/nix/store/")
    for form in (
        [{**INFO, "path": BASE}],
        {BASE: INFO},
        {BASE: {**INFO, "narHash": NIX32, "version": 1, "storeDir": "/nix/store"}},
        {"version": 2, "storeDir": "/nix/store", "info": {name: INFO}},
        {"version": 3, "storeDir": "/nix/store", "info": {name: {**INFO, "signatures": structured}}},
    ):
        assert read(form) == (FACTS,)


def test_base_names_become_paths_and_everything_is_sorted() -> None:
    info = {**INFO, "references": [LIB, BASE.rpartition("/")[2], LIB], "signatures": ["z:1", "a:2"]}
    (facts,) = read({"version": 2, "storeDir": "/nix/store", "info": {APP.rpartition("/")[2]: info}})
    assert facts.references == (BASE, LIB)
    assert facts.signatures == ("a:2", "z:1")
    assert [each.store_path for each in read([{**INFO, "path": APP}, {**INFO, "path": BASE}])] == [BASE, APP]


def test_no_path_is_no_fact() -> None:
    assert read([]) == ()
    assert read({}) == ()


def test_what_may_be_left_out() -> None:
    bare = {name: INFO[name] for name in ("narHash", "narSize", "references")}
    assert read({BASE: bare}) == (
        PathFacts(store_path=BASE, nar_hash=NIX32, nar_size=35008, references=(), signatures=(), ultimate=False),
    )


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ("x", "The path info is a string: expected a JSON object"),
        ([1], "A path's info is a number"),
        ([{}], "A path is null: expected a string"),
        ([{**INFO, "path": "x"}], "'x' is not a store path"),
        ([{**INFO, "path": BASE}, {**INFO, "path": BASE}], "names /nix/store/64q9.* twice"),
        ([{"path": BASE, "valid": False}], "is not valid in this store"),
        ({BASE: None}, "is not valid in this store"),
        ({"info": None, "storeDir": "/nix/store"}, "info is null"),
        ({"info": {}}, "storeDir is null"),
        ({"info": {"x": INFO}, "storeDir": "/nix/store"}, "'x' is not the base name"),
        ({"info": {BASE.rpartition("/")[2]: INFO}, "storeDir": "/other"}, "is not a store path"),
        ({BASE: []}, "The info of /nix/store/64q9.* is a list"),
        ({BASE: {**INFO, "narHash": None}}, "The narHash of .* is null"),
        ({BASE: {**INFO, "narHash": {"algorithm": "sha256"}}}, "The narHash of .* is an object"),
        ({BASE: {**INFO, "narHash": "sha512-x"}}, "is not a SHA-256"),
        ({BASE: {**INFO, "narSize": "1"}}, "The narSize of .* is a string"),
        ({BASE: {**INFO, "narSize": -1}}, "expected a whole number"),
        ({BASE: {**INFO, "references": None}}, "The references of .* is null"),
        ({BASE: {**INFO, "references": ["x"]}}, "'x' is not the base name"),
        ({BASE: {**INFO, "references": ["/x"]}}, "'/x' is not a store path"),
        ({BASE: {**INFO, "signatures": None}}, "The signatures of .* are not a list"),
        ({BASE: {**INFO, "signatures": [1]}}, "The signatures of .* is a number"),
        ({BASE: {**INFO, "signatures": [{"keyName": "k"}]}}, "The signatures of .* is null"),
        ({BASE: {**INFO, "ultimate": 1}}, "The ultimate of .* is a number"),
    ],
)
def test_foreign_facts(info: object, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        read(info)


def test_the_same_path_twice_in_an_object_is_foreign() -> None:
    entry = json.dumps({BASE: INFO})[1:-1]
    with pytest.raises(ForeignTextError, match="two equal keys"):
        parse_path_info(f"{{{entry}, {entry}}}".encode())


SETTINGS = {
    "substituters": {"aliases": [], "defaultValue": [], "description": "", "value": ["https://cache/", "file:///x"]},
    "trusted-public-keys": {"value": ["k:s"]},
    "fallback": {"defaultValue": False, "value": True},
    "cores": {"value": 0},
}


def test_settings() -> None:
    assert parse_settings(json.dumps(SETTINGS).encode()) == NixSettings(
        substituters=("https://cache/", "file:///x"), trusted_public_keys=("k:s",), fallback=True
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"substituters": None}, "substituters is null"),
        ({"substituters": {}}, "substituters is null: expected a list of strings"),
        ({"substituters": {"value": "https://cache/"}}, "substituters is a string"),
        ({"trusted-public-keys": {"value": [1]}}, "trusted-public-keys is a list"),
        ({"fallback": {"value": "true"}}, "fallback is a string"),
    ],
)
def test_foreign_settings(change: dict[str, object], message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_settings(json.dumps({**SETTINGS, **change}).encode())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recorded_builds(version: str) -> None:
    built = parse_build(recorded(version, "l-healthy.fallback.build-json"))
    assert built == (NixBuilt(derivation=DRV, outputs={"out": APP}),)


def test_other_forms_of_a_build() -> None:
    two = {"drvPath": DRV, "outputs": {"out": APP, "dev": LIB}, "startTime": 1, "stopTime": 2}
    built = parse_build(json.dumps([two, {"path": BASE}, LIB]).encode())
    assert built == (
        NixBuilt(derivation=DRV, outputs={"dev": LIB, "out": APP}),
        NixBuilt(derivation=None, outputs={"out": BASE}),
        NixBuilt(derivation=None, outputs={"out": LIB}),
    )
    assert parse_build(b"[]") == ()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({}, "is not a list"),
        ([1], "A build's result is a number"),
        (["x"], "'x' is not a store path"),
        ([{}], "A built path is null"),
        ([{"drvPath": None}], "A built derivation is null"),
        ([{"drvPath": {"drvPath": DRV, "output": "out"}}], "A built derivation is an object"),
        ([{"drvPath": DRV}], "The outputs of .* is null"),
        ([{"drvPath": DRV, "outputs": {}}], "has no outputs"),
        ([{"drvPath": DRV, "outputs": {"out": None}}], "Output 'out' of .* is null"),
        ([{"drvPath": DRV, "outputs": {"out": "x"}}], "'x' is not a store path"),
    ],
)
def test_foreign_builds(result: object, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_build(json.dumps(result).encode())


wild = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 9) | st.sampled_from([BASE, DRV, "x", HASH, NIX32, ""]),
    lambda children: (
        st.lists(children, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [BASE, *INFO, "path", "valid", "info", "storeDir", "drvPath", "outputs", *SETTINGS, "value"]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.binary(max_size=100), wild.map(lambda value: json.dumps(value).encode())))
def test_any_bytes_are_an_answer_or_foreign(body: bytes) -> None:
    for parse in (parse_path_info, parse_settings, parse_build):
        try:
            parse(body)
        except ForeignTextError:
            continue


@pytest.mark.parametrize(
    ("told", "content_addressed"),
    [
        ({}, False),
        ({"ca": None}, False),
        ({"ca": ""}, False),
        ({"ca": "fixed:r:sha256:0yc5zxm6z6dinsqrgf4sfwiz2khzwafhx1c25wfh0anwm8arbsna"}, True),  # nix 2.8.0, a source
        ({"ca": {"method": "text", "hash": {"algorithm": "sha256", "format": "base64", "hash": "x"}}}, True),
    ],
)
def test_what_is_named_by_its_content_is_told(told: dict[str, object], content_addressed: bool) -> None:
    (facts,) = parse_path_info(json.dumps({BASE: {**INFO, **told}}).encode())
    assert facts.content_addressed is content_addressed


def test_what_a_cache_lacks_has_no_hash() -> None:
    path, other = "/nix/store/" + "a" * 32 + "-x", "/nix/store/" + "b" * 32 + "-y"
    good = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    rows = [{"path": path, "narHash": good}, {"path": other, "valid": False}]
    assert parse_narinfo_hashes(json.dumps(rows).encode()) == {
        path: "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"
    }
    with pytest.raises(ForeignTextError):
        parse_narinfo_hashes(json.dumps([{"path": path, "narHash": "md5:x"}]).encode())
