"""Paths that were named: which yardstick a read is held against, and what it then is."""

from base64 import b64encode
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.errors import ForeignTextError
from gate.evidence.machine import is_upstream
from gate.judge.integrity import PathReading, ReadRequest, judge_read, named_path, not_read
from gate.model.basics import Label, Status, Truth
from gate.model.bodies import NarRead
from gate.model.records import BodyRead, HttpAnswer, PathFacts
from gate.parse.narinfo import fingerprint

HASH = "8iv5j0f2difw6wg9vwj9r2raacb08fkv"
PATH = f"/nix/store/{HASH}-deadnix-check"
BARE = f"/nix/store/{HASH}"
OTHER = "/nix/store/0c5b8vw40dy178xlpddw65q9gf1h2186-lib"
SHA = "0" * 52
SECRET = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEY = f"main:{b64encode(SECRET.public_key().public_bytes_raw()).decode()}"
LOCAL = PathFacts(
    store_path=PATH, nar_hash=f"sha256:{SHA}", nar_size=100, references=(OTHER,), signatures=(), ultimate=True
)


def sign(fact: PathFacts, name: str = "main") -> str:
    result = SECRET.sign(fingerprint(fact.store_path, fact.nar_hash, fact.nar_size, fact.references))
    return f"{name}:{b64encode(result).decode()}"


def info(fact: PathFacts = LOCAL, *, signature: str = "", url: str = f"nar/{HASH}.nar") -> HttpAnswer:
    names = " ".join(path.removeprefix("/nix/store/") for path in fact.references)
    text = (
        f"StorePath: {fact.store_path}\nURL: {url}\nCompression: none\nNarHash: {fact.nar_hash}\n"
        f"NarSize: {fact.nar_size}\nReferences: {names}\nSig: {signature or sign(fact)}\n"
    )
    return HttpAnswer(url="u", status=200, body=text, millis=3)


def nar(**changes: object) -> NarRead:
    whole = NarRead(
        hops=("u",),
        status=200,
        curl=0,
        wire_bytes=100,
        nar_bytes=100,
        sha256=SHA,
        codec="none",
        sniffed="none",
        clean_end=True,
        well_formed=True,
        millis=4,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # a test's choices


def read(narinfo: HttpAnswer, body: NarRead | None = None, path: str = PATH) -> BodyRead:
    return BodyRead(label=Label.PROFILE, cache="main", store_path=path, attempt=1, narinfo=narinfo, nar=body)


def judge(asked: ReadRequest, seen: BodyRead, *, key: str | None = KEY, attic: bool = True) -> PathReading:
    return judge_read(asked, seen, public_key=key, attic=attic)


EMPTY = nar(curl=18, curl_text="transfer closed", error="cut", wire_bytes=0, nar_bytes=0, sha256=None, clean_end=False)


def test_a_local_path_is_held_against_the_local_store() -> None:
    row = judge(ReadRequest(store_path=PATH, local=LOCAL), read(info(), nar()))
    assert row == PathReading(
        store_path=PATH,
        status=Status.PASS,
        code="body-whole",
        yardstick="local-nix",
        signed=Truth.PRESENT,
        http_status=200,
        curl=0,
        error=None,
        curl_message="",
        wire_bytes=100,
        nar_bytes=100,
        millis=7,
        references=(OTHER,),
    )


def test_a_bare_hash_is_held_against_the_signed_narinfo_and_learns_its_name() -> None:
    row = judge(ReadRequest(store_path=BARE), read(info(), nar(), BARE))
    assert (row.store_path, row.code, row.yardstick, row.references) == (PATH, "body-whole", "signed-narinfo", (OTHER,))


def test_the_incident_is_told_with_curls_code() -> None:
    row = judge(ReadRequest(store_path=PATH, local=LOCAL), read(info(), EMPTY))
    assert (row.status, row.code, row.curl, row.curl_message, row.wire_bytes, row.http_status) == (
        Status.FAIL,
        "body-empty",
        18,
        "transfer closed",
        0,
        200,
    )


@pytest.mark.parametrize(
    ("key", "signature", "code", "signed"),
    [
        (None, "", "body-signature-unknown", Truth.UNKNOWN),
        (KEY, f"main:{'A' * 86}==", "body-untrusted", Truth.ABSENT),
        ("other:" + KEY.partition(":")[2], "", "body-untrusted", Truth.ABSENT),
    ],
)
@pytest.mark.parametrize("attic", [True, False])
def test_a_narinfo_that_the_key_did_not_sign_is_no_yardstick(
    key: str | None, signature: str, code: str, signed: Truth, attic: bool
) -> None:
    row = judge(ReadRequest(store_path=BARE), read(info(signature=signature), nar(), BARE), key=key, attic=attic)
    assert (row.code, row.yardstick, row.signed, row.references) == (code, "none", signed, ())
    assert row.status is not Status.PASS


def test_another_cache_without_a_key_is_held_against_the_local_store_alone() -> None:
    request, observation = (
        ReadRequest(store_path=PATH, local=LOCAL),
        read(info(signature="x:y", url="nar/anything.nar"), nar()),
    )
    row = judge(request, observation, key=None, attic=False)
    assert (row.code, row.signed, row.yardstick) == ("body-whole", None, "local-nix")
    assert judge(request, observation, key=KEY, attic=False).code == "body-untrusted"
    assert judge(request, observation, key=KEY).code == "body-narinfo-unreadable", "Attic writes one form of URL"
    attics = read(info(signature="x:y"), nar())
    assert judge(request, attics, key=None).code == "body-signature-unknown", "Attic always has a key"


ATTIC_404 = HttpAnswer(url="u", status=404, body='{"code":404,"error":"NoSuchObject","message":"x"}')


@pytest.mark.parametrize("local", [None, LOCAL])
def test_a_path_that_the_cache_does_not_have_was_claimed_by_nobody(local: PathFacts | None) -> None:
    row = judge(ReadRequest(store_path=PATH, local=local), read(ATTIC_404))
    assert (row.code, row.status, row.http_status, row.curl) == ("body-not-published", Status.INCONCLUSIVE, 404, None)
    remaining = judge(ReadRequest(store_path=PATH, local=local, upstream=True), read(ATTIC_404))
    assert (remaining.code, remaining.status) == ("in-upstream", Status.NOT_APPLICABLE)


def test_a_404_is_believed_of_attic_in_its_own_form_only() -> None:
    page = HttpAnswer(url="u", status=404, body="<html>")
    assert judge(ReadRequest(store_path=PATH), read(page)).code == "body-unread"
    assert judge(ReadRequest(store_path=PATH), read(page), attic=False).code == "body-not-published"
    absence = nar(status=404, body="<html>", wire_bytes=0, nar_bytes=0, sha256=None, clean_end=False)
    request = ReadRequest(store_path=PATH, local=LOCAL)
    assert judge(request, read(info(), absence)).code == "body-unread"
    assert judge(request, read(info(), absence), attic=False).code == "body-missing"


def test_what_an_upstream_signed_still_fails_when_it_is_there_and_wrong() -> None:
    row = judge(ReadRequest(store_path=PATH, local=LOCAL, upstream=True), read(info(), EMPTY))
    assert (row.code, row.status) == ("body-empty", Status.FAIL)


@pytest.mark.parametrize(
    "answer",
    [
        replace(info(), body="<html>"),
        replace(info(), status=500),
        replace(info(), error="cut", body_cut=True),
        replace(info(), body_cut=True),
        replace(info(), status=None, error="connect"),
    ],
)
def test_without_a_narinfo_there_is_no_yardstick(answer: HttpAnswer) -> None:
    row = judge(ReadRequest(store_path=BARE), read(answer, None, BARE))
    assert (row.status, row.yardstick, row.store_path) == (Status.INCONCLUSIVE, "none", BARE)


@pytest.mark.parametrize("asked", [BARE, PATH])
def test_the_narinfo_of_another_path_is_foreign(asked: str) -> None:
    foreign = replace(LOCAL, store_path=OTHER, references=())
    row = judge(ReadRequest(store_path=asked), read(info(foreign), nar(), asked))
    assert (row.code, row.status, row.store_path) == ("body-foreign", Status.FAIL, asked)
    longer = replace(LOCAL, store_path=f"{PATH}-doc")
    assert judge(ReadRequest(store_path=PATH), read(info(longer), nar())).code == "body-foreign"


def test_a_path_that_was_not_read_is_inconclusive() -> None:
    for local, yardstick in ((None, "none"), (LOCAL, "local-nix")):
        row = not_read(ReadRequest(store_path=PATH, local=local))
        assert (row.status, row.code, row.error, row.yardstick) == (
            Status.INCONCLUSIVE,
            "body-unread",
            "cancelled",
            yardstick,
        )


def test_an_upstreams_signature_needs_name_and_key() -> None:
    key = KEY.replace("main:", "up-1:")
    signed = replace(LOCAL, signatures=(sign(LOCAL, "up-1"),))
    assert is_upstream(signed, ["up-1"], [key])
    assert not is_upstream(signed, ["up-2"], [key])
    assert not is_upstream(signed, ["up-1"], [])
    assert not is_upstream(LOCAL, ["up-1"], [key])


def test_how_a_path_is_named() -> None:
    assert named_path(HASH) == BARE
    assert named_path(PATH) == PATH
    for text in ("", BARE, "e" * 32, f"{HASH}-name", "/tmp/x", f"{PATH}\n"):
        with pytest.raises(ForeignTextError):
            named_path(text)


@pytest.mark.parametrize("error", ["refused-host", "refused-redirect", "too-many-redirects"])
def test_a_redirect_that_was_not_followed_names_its_host_and_the_setting(error: str) -> None:
    hops = ("http://cache/main/nar/x.nar", "https://s3.example:9000/attic/x")
    row = judge(ReadRequest(store_path=PATH, local=LOCAL), read(info(), nar(status=307, error=error, hops=hops)))
    assert row.code == "body-redirect-denied"
    assert row.error == f"{error}: {hops[1]} is not among the hosts that may be asked (`hosts` in gate.toml)"
    bare = judge(ReadRequest(store_path=PATH, local=LOCAL), read(info(), nar(status=307, error=error, hops=())))
    assert bare.error == error
