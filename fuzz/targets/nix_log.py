"""`gate.parse.nix_log`: nothing raises, whatever a builder prints; the same ledger whatever the pieces."""

from fuzz.contract import pieces
from fuzz.target import Target
from gate import limits
from gate.model.parsed import BuildLedger
from gate.parse.nix_log import NixLogParser, parse_nix_log

_PATH = "/nix/store/8iv5j0f2difw6wg9vwj9r2raacb08fkv-deadnix"
_EXITS = (0, 1, 100, None)


def check(data: bytes) -> None:
    """The first byte says how the build ended."""
    if not data:
        return
    code, log = _EXITS[data[0] % 4], data[1:]
    ledger = parse_nix_log(log, exit_code=code)
    parser = NixLogParser(exit_code=code)
    for piece in pieces(log):
        parser.feed(piece)
    assert parser.finish() == ledger, "the pieces make a difference"
    assert code in (0, None) or not ledger.masked, "a build that failed masks nothing"
    assert len(ledger.errors) <= limits.NIX_MESSAGES
    _check_paths(ledger)
    assert ledger.events + ledger.unread_lines <= log.count(b"\n") + 1


def _check_paths(ledger: BuildLedger) -> None:
    paths = [path.store_path for path in ledger.paths]
    assert len(set(paths)) == len(paths), "a path is listed twice"
    for path in paths:
        folder, _, name = path.rpartition("/")  # the store may be elsewhere, so its folder is anything
        assert folder.startswith("/"), path
        assert 33 < len(name) <= 32 + 1 + 211 + len(".drv"), path


def seeds() -> list[bytes]:
    """Events and plain lines of each kind that the parser reads, healthy and failing."""
    drv = _PATH + ".drv"
    url, zero = "http://cache.example", "0" * 51 + "1"
    lines = [
        f'@nix {{"action":"start","id":1,"level":3,"parent":0,"text":"","type":100,"fields":["{_PATH}","{url}","x"]}}',
        f'@nix {{"action":"start","id":2,"level":3,"parent":0,"text":"","type":108,"fields":["{_PATH}","{url}"]}}',
        '@nix {"action":"result","id":1,"type":105,"fields":[1,1,0,0]}',
        '@nix {"action":"stop","id":1}',
        f'@nix {{"action":"start","id":3,"level":3,"parent":0,"text":"building","type":105,"fields":["{drv}","",1,1]}}',
        f'@nix {{"action":"msg","level":0,"msg":"error: some substitutes for the outputs of \'{drv}\' failed"}}',
        f'@nix {{"action":"msg","level":1,"msg":"warning: unable to download \'{url}/nar/x.nar\': HTTP error 404"}}',
        f"error: hash mismatch importing path '{_PATH}';\n  specified: sha256:{zero}\n  got:       sha256:{zero[::-1]}",
        f"warning: substitute '{_PATH}' is not signed by any of the keys in 'trusted-public-keys'",
        f"these 2 paths will be fetched (0.00 MiB download, 0.00 MiB unpacked):\n  {_PATH}\n  {_PATH}-2",
        f"this derivation will be built:\n  {drv}\nbuilding '{drv}'...",
        f"copying path '{_PATH}' from '{url}'...",
        f"error: build of '{drv}' failed",
        f"error: file '{_PATH}.narinfo' does not exist in binary cache '{url}'",
    ]
    each = [bytes([code]) + line.encode() + b"\n" for line in lines for code in (0, 1)]
    return [*each, b"\0" + "\n".join(lines).encode(), b"\1" + "\n".join(reversed(lines)).encode()]


TARGET = Target(
    check,
    seeds,
    parsers=("nix_log", "nix_ledger", "nix_messages"),
    words=(b'@nix {"action":"', b'"type":108', b'"fields":["', b"error: ", b"warning: ", b".drv"),
)
