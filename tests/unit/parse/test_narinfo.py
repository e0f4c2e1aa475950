from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.errors import ForeignTextError
from gate.model.parsed import NarInfo
from gate.parse.narinfo import check_url, leads_elsewhere, parse_narinfo

RECORDED = Path("fixtures/recordings/attic/narinfo-multi-chunk/body").read_bytes()
HASH = "bpp32kp401f40ggfd62nfhnws7q301ki"
PATH = f"/nix/store/{HASH}-runner-dashboard-0.1.0"
A = "0d71ygfwbmy1xjlbj1v027dfmy9cqavy-libffi-3.3"
B = "0dbbrvlw2rahvzi69bmpqy1z9mvzg62s-gdbm-1.19"

FULL = f"""StorePath: {PATH}
URL: nar/1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3.nar.xz
Compression: xz
FileHash: sha256:1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3
FileSize: 4029176
NarHash: sha256:1impfw8zdgisxkghq9a3q7cn7jb9zyzgxdydiamp8z2nlyyl0h5h
NarSize: 18735072
References: {A} {B}
Deriver: bidkcs01mww363s4s7akdhbl6ws66b0z-ruby-2.7.3.drv
Sig: one:AAAA
System: x86_64-linux
Sig: two:BBBB
CA: fixed:r:sha256:1726ysj3qnhm6i4xn3h68d5b17s4330rm93d881mvca0v0czr51l
"""


def with_line(name: str, line: str | None) -> bytes:
    """`FULL` with the line of a field replaced, or without it."""
    lines = [each for each in FULL.splitlines() if not each.startswith(f"{name}:")]
    return "".join(f"{each}\n" for each in [*lines, *([] if line is None else [line])]).encode()


def test_attics_own() -> None:
    assert parse_narinfo(RECORDED) == NarInfo(
        store_path=PATH,
        url=f"nar/{HASH}.nar",
        compression="zstd",
        nar_hash="sha256:1726ysj3qnhm6i4xn3h68d5b17s4330rm93d881mvca0v0czr51l",
        nar_size=3330280,
        references=(),
        signatures=("main:3H1ZyQILcbYDHv9StsCD7g24akMK82OotJ6YeZFevXUTyyVnGgPAjlAVbYEe5mn34JFQITtKsBAyhl1ZPZs3Dg==",),
    )


def test_every_field() -> None:
    assert parse_narinfo(FULL.encode()) == NarInfo(
        store_path=PATH,
        url="nar/1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3.nar.xz",
        compression="xz",
        nar_hash="sha256:1impfw8zdgisxkghq9a3q7cn7jb9zyzgxdydiamp8z2nlyyl0h5h",
        nar_size=18735072,
        references=(A, B),
        signatures=("one:AAAA", "two:BBBB"),
        deriver="bidkcs01mww363s4s7akdhbl6ws66b0z-ruby-2.7.3.drv",
        file_hash="sha256:1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3",
        file_size=4029176,
    )


def test_what_may_be_left_out() -> None:
    assert parse_narinfo(with_line("Compression", None)).compression == "bzip2"
    assert parse_narinfo(with_line("Deriver", "Deriver: unknown-deriver")).deriver is None
    bare = parse_narinfo(with_line("FileHash", None))
    assert (bare.file_hash, bare.file_size) == (None, 4029176)
    assert parse_narinfo(with_line("Sig", None)).signatures == ()
    assert parse_narinfo(with_line("X", "X-Other: é = \u2028 twice\nX-Other: again")).nar_size == 18735072


@pytest.mark.parametrize("size", [0, 1, 2**63 - 1])
def test_sizes(size: int) -> None:
    assert parse_narinfo(with_line("NarSize", f"NarSize: {size}")).nar_size == size


@pytest.mark.parametrize("field", ["StorePath", "URL", "NarHash", "NarSize", "References"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(ForeignTextError, match=f"lacks {field}: expected"):
        parse_narinfo(with_line(field, None))


@pytest.mark.parametrize(
    "field",
    ["StorePath", "URL", "Compression", "FileHash", "FileSize", "NarHash", "NarSize", "References", "Deriver", "CA"],
)
def test_a_field_said_twice_is_named(field: str) -> None:
    line = next(each for each in FULL.splitlines() if each.startswith(field))
    with pytest.raises(ForeignTextError, match=f"says {field} twice"):
        parse_narinfo(f"{FULL}{line}\n".encode())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends in ''"),
        (b"<html>\n", "has the line '<html>'"),
        (FULL.encode()[:-1], "ends in .*expected a line feed, so it may be cut"),
        (FULL.replace("\n", "\r\n").encode(), "is not text"),
        (FULL.encode() + b"X: \xff\n", "is not text"),
        (FULL.encode() + b"X: \x00\n", "is not text"),
        (FULL.encode() + b"X: \x1b[31m\n", "is not text"),
        (FULL.encode() + b"\n", "has the line ''"),
        (FULL.encode() + b" X: y\n", "has the line ' X: y'"),
        (FULL.encode() + b"X:y\n", "has the line 'X:y'"),
        (b"X: " + b"y" * 262144 + b"\n", "has 262148 bytes: expected at most 262144"),
        (with_line("StorePath", "StorePath: /tmp/x"), "is not a store path"),
        (with_line("URL", "URL: "), "URL is empty"),
        (with_line("Compression", "Compression: "), "Compression is ''"),
        (with_line("Compression", "Compression: XZ"), "Compression is 'XZ'"),
        (with_line("NarHash", "NarHash: sha512:00"), "is not a SHA-256"),
        (with_line("FileHash", "FileHash: x"), "is not a SHA-256"),
        (with_line("NarSize", "NarSize: "), "NarSize is ''"),
        (with_line("NarSize", "NarSize: -1"), "NarSize is '-1'"),
        (with_line("NarSize", "NarSize: +1"), "NarSize is"),
        (with_line("NarSize", "NarSize: 01"), "NarSize is '01'"),
        (with_line("NarSize", "NarSize: 1 "), "NarSize is '1 '"),
        (with_line("NarSize", "NarSize: 1_0"), "NarSize is '1_0'"),
        (with_line("NarSize", "NarSize: \u0661"), "NarSize is"),
        (with_line("NarSize", f"NarSize: {2**63}"), "expected a decimal from 0 to 9223372036854775807"),
        (with_line("FileSize", "FileSize: x"), "FileSize is 'x'"),
        (with_line("References", f"References: /nix/store/{A}"), "is not the base name"),
        (with_line("References", f"References: {A}  {B}"), "'' is not the base name"),
        (with_line("References", f"References: {A} "), "'' is not the base name"),
        (with_line("References", f"References: {A} {A}"), "names a reference twice"),
        (with_line("References", "References:"), "has the line 'References:'"),
        (with_line("Deriver", "Deriver: "), "'' is not the base name"),
    ],
)
def test_foreign_text(data: bytes, message: str) -> None:
    with pytest.raises(ForeignTextError, match=message):
        parse_narinfo(data)


def narinfo_at(url: str) -> NarInfo:
    return parse_narinfo(with_line("URL", f"URL: {url}"))


def test_attics_url() -> None:
    assert check_url(parse_narinfo(RECORDED), store_path=PATH) == f"nar/{HASH}.nar"


@pytest.mark.parametrize(
    "url",
    [
        f"/nar/{HASH}.nar",
        f"nar/{HASH}.nar.zst",
        f"nar/{HASH}.nar?x",
        f"nar/{HASH}.nar#x",
        f"nar/{HASH}.nar ",
        f"nar//{HASH}.nar",
        f"./nar/{HASH}.nar",
        f"nar/{HASH[::-1]}.nar",
        f"http://127.0.0.1/nar/{HASH}.nar",
        "nar/0d71ygfwbmy1xjlbj1v027dfmy9cqavy.nar",
    ],
)
def test_attic_has_one_url_for_a_path(url: str) -> None:
    with pytest.raises(ForeignTextError, match=rf"expected nar/{HASH}\.nar, as Attic writes it"):
        check_url(narinfo_at(url), store_path=PATH)


@pytest.mark.parametrize(
    "url", ["nar/0skg.nar.xz", "x", "a/b-c_d.e+f=g~h", "nar/.hidden/..x", "nar/x?hash=0", "nar/x?"]
)
def test_other_caches_have_plain_relative_paths(url: str) -> None:
    assert check_url(narinfo_at(url), store_path=PATH, attic=False) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://other/nar",
        "file:///etc/passwd",
        "//other/nar",
        "/nar/x",
        "nar//x",
        "nar/",
        "..",
        "../x",
        "nar/../x",
        "nar/..",
        "nar/./x",
        "nar/%2e%2e/x",
        "nar/%2E%2E/x",
        "nar/x?sha 256=0",
        "?x",
        "nar/..?x",
        "nar/x#y",
        "user@host/x",
        "nar\\x",
        "nar/x y",
        "nar/é",
        "http:x",
    ],
)
def test_urls_that_lead_elsewhere(url: str) -> None:
    with pytest.raises(ForeignTextError, match="expected a plain path relative to its cache"):
        check_url(narinfo_at(url), store_path=PATH, attic=False)


OUTSIDE = (
    *(
        "http://other/nar",
        "HTTPS://other",
        "file:x",
        "http:x",
        "//other/nar",
        "/nar/x",
        "..",
        "../x",
        "nar/../x",
        "nar/..",
    ),
    *(
        "nar/./x",
        ".",
        "nar/%2e%2e/x",
        "%2E%2e",
        "%2f%2fh/x",
        "..%2fx",
        "..?x",
        "nar/..#x",
        "\\\\h\\x",
        "nar\\..\\x",
        ":x",
    ),
)
ODD = (
    "nar//x",
    "nar/",
    "nar/x#y",
    "user@host/x",
    "nar\\x",
    "nar/x y",
    "nar/é",
    "nar%2fx",
    "nar/x?a b",
    "?x",
    "x..",
    "..x/a",
)


def test_only_what_leads_out_of_the_cache_is_the_servers_fault() -> None:
    assert [url for url in (*OUTSIDE, *ODD, "nar/x", "nar/x?hash=http://other/..") if leads_elsewhere(url)] == list(
        OUTSIDE
    )


def test_the_narinfo_of_harmonia() -> None:
    info = parse_narinfo((Path(__file__).parents[3] / "fixtures/cases/narinfo/harmonia-query.narinfo").read_bytes())
    assert check_url(info, store_path=info.store_path, attic=False) == info.url
    assert info.url.endswith(".nar?hash=rcdwq1bsh5lwbvcm6x01fxx5nph90nc6")


@pytest.mark.parametrize("attic", [True, False])
@pytest.mark.parametrize("end", ["\r", "\n", "\r\nHost: x"])
def test_no_url_holds_a_line_end(attic: bool, end: str) -> None:
    info = NarInfo(
        store_path=PATH,
        url=f"nar/{HASH}.nar{end}",
        compression="none",
        nar_hash="sha256:1impfw8zdgisxkghq9a3q7cn7jb9zyzgxdydiamp8z2nlyyl0h5h",
        nar_size=1,
        references=(),
        signatures=(),
    )
    with pytest.raises(ForeignTextError, match="URL is"):
        check_url(info, store_path=PATH, attic=attic)


def test_a_cut_narinfo_is_never_another_good_one() -> None:
    whole = parse_narinfo(RECORDED)
    read = {}
    for cut in range(len(RECORDED)):
        with suppress(ForeignTextError):
            read[cut] = parse_narinfo(RECORDED[:cut])
    # cut at a line end after the last field that is needed: the facts are the same, the signature may be missing
    assert read == {RECORDED.index(b"Sig:"): replace(whole, signatures=()), RECORDED.index(b"CA:"): whole}


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.lists(st.sampled_from(FULL.splitlines(keepends=True)), max_size=20).map(
            lambda lines: "".join(lines).encode()
        ),
        st.tuples(st.integers(0, len(FULL)), st.binary(max_size=9), st.integers(0, 40)).map(
            lambda edit: FULL.encode()[: edit[0]] + edit[1] + FULL.encode()[edit[0] + edit[2] :]
        ),
    )
)
def test_any_bytes_are_a_narinfo_or_foreign(data: bytes) -> None:
    try:
        info = parse_narinfo(data)
    except ForeignTextError:
        return
    assert 0 <= info.nar_size < 2**63
    assert len(info.nar_hash) == 59
