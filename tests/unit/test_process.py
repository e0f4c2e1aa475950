import base64
import json
import os
import random
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate import limits
from gate.clock import SystemClock
from gate.errors import InconclusiveError
from gate.model.basics import Secret
from gate.model.records import ChildEnded
from gate.process import CancelToken, Capture, Redactor, children, output, run, scrubbed_environment

ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
CLOCK = SystemClock()
SECRET = 'hunter2/~?~?"sig+s=='


def sh(script: str, **rest: Any) -> ChildEnded:
    value: dict[str, Any] = {
        "name": "t",
        "env": ENV,
        "deadline_seconds": 30,
        "cancel": CancelToken(),
        "clock": CLOCK,
    } | rest
    return run(["sh", "-c", script], **value)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone_within(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not alive(pid)


# ------------------------------------------------------------------------------------------------------- environment


def test_environment_is_an_allow_list() -> None:
    source = {
        "PATH": "/bin",
        "HOME": "/h",
        "SSL_CERT_FILE": "/c",
        "NIX_CONFIG": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "FOO": "z",
    }
    assert scrubbed_environment(source) == {"PATH": "/bin", "HOME": "/h", "SSL_CERT_FILE": "/c"}
    assert scrubbed_environment(source, keep=["NIX_CONFIG", "ABSENT"])["NIX_CONFIG"] == "x"


@pytest.mark.parametrize(
    "name", ["LD_PRELOAD", "PYTHONPATH", "BASH_ENV", "ENV", "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "GATE_S3_SECRET"]
)
def test_environment_never_passes_what_loads_code_or_holds_the_runners_secrets(name: str) -> None:
    assert scrubbed_environment({name: "x", "PATH": "/bin"}, keep=[name]) == {"PATH": "/bin"}


# ------------------------------------------------------------------------------------------------------ cancellation


def test_the_first_reason_stands() -> None:
    token = CancelToken()
    assert (token.cancelled, token.reason, token.wait(0)) == (False, None, False)
    token.cancel("SIGTERM")
    token.cancel("deadline")
    assert (token.cancelled, token.reason, token.wait(60)) == (True, "SIGTERM", True)


def test_a_wait_ends_when_another_thread_cancels() -> None:
    token = CancelToken()
    threading.Timer(0.1, token.cancel, ["enough"]).start()
    began = time.monotonic()
    assert token.wait(30)
    assert time.monotonic() - began < 25


def test_a_signal_handler_may_cancel_its_own_waiting_thread() -> None:
    token = CancelToken()
    before = signal.signal(signal.SIGALRM, lambda *_: token.cancel("SIGALRM"))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert token.wait(30)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert token.reason == "SIGALRM"


# --------------------------------------------------------------------------------------------------------- redaction


def redacted(text: bytes, *secrets: str, cuts: tuple[int, ...] = ()) -> tuple[bytes, int]:
    redactor = Redactor([Secret(secret) for secret in secrets])
    ends = [*sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    begins = [0, *ends]
    out = b"".join(redactor.feed(text[begin:end]) for begin, end in zip(begins, ends, strict=False))
    return out + redactor.finish(), redactor.replacements


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote(SECRET, safe="").lower(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
        json.dumps(SECRET)[1:-1],
    ],
    ids=["plain", "url", "url-path", "url-lower", "base64", "base64-url", "hex", "json"],
)
def test_every_form_of_a_secret_is_replaced(form: str) -> None:
    assert redacted(f"a {form} b".encode(), SECRET) == (b"a *** b", 1)


@pytest.mark.parametrize("user", ["", "a", "ab", "abc", "longer name"])
@pytest.mark.parametrize("after", ["", "x", "xy"])
def test_a_secret_inside_of_base64_is_replaced_at_each_offset(user: str, after: str) -> None:
    whole = base64.b64encode(f"{user}{SECRET}{after}".encode())
    begin = -(-len(user) * 8 // 6)  # the first character that holds bits of the secret alone
    end = (len(user) + len(SECRET)) * 8 // 6  # and the one after the last
    if len(user) % 3 == 0 and not after:  # then the padding is the secret's own
        end = len(whole)
    out, count = redacted(whole, SECRET)
    assert (out, count) == (whole[:begin] + b"***" + whole[end:], 1)


def test_short_secrets_and_none_change_nothing() -> None:
    assert redacted(b"abcde abcde", "abcde", "") == (b"abcde abcde", 0)
    assert redacted(b"plain\0\xff", *()) == (b"plain\0\xff", 0)


def test_space_around_a_secret_does_not_hide_it() -> None:
    assert redacted(b"<tokentoken>", "tokentoken\n") == (b"<***>", 1)


def test_lines_of_a_key_file_are_secrets() -> None:
    assert redacted(b"x firstline y secondline", "firstline\r\nsecondline\n") == (b"x *** y ***", 2)


def test_the_longest_secret_at_a_place_wins_and_overlapping_ones_are_one_replacement() -> None:
    assert redacted(b"abcdefghi", "abcdef", "abcdefghi") == (b"***", 1)
    assert redacted(b"<abcdefghijk>", "abcdef", "defghijk") == (b"<***>", 1)
    assert redacted(b"<aaaaaaaaa>", "aaaaaa", cuts=(3, 8)) == (b"<***>", 1)


def test_a_line_without_a_secret_is_let_out_at_once() -> None:
    redactor = Redactor([Secret("hunter2hunter2")])
    assert redactor.feed(b"copying path hun") == b"copying path "
    assert redactor.feed(b"gry\n") == b"hungry\n"


def test_secrets_that_are_not_unicode() -> None:
    raw = b"\xff\xfesecret\xfd"
    assert redacted(b"<" + raw + b">", raw.decode("utf-8", "surrogateescape")) == (b"<***>", 1)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([b"abcabc", b"abcabcab", b"cabbag", b"ab", b"c", b"\n", b"zz"]), max_size=12),
    st.lists(st.integers(0, 80), max_size=6),
)
def test_borders_of_pieces_change_nothing(parts: list[bytes], cuts: list[int]) -> None:
    secrets = ("abcabc", "abcabcab", "cabbag")
    text = b"".join(parts)
    whole = redacted(text, *secrets)
    assert redacted(text, *secrets, cuts=tuple(cuts)) == whole
    assert not any(secret.encode() in whole[0] for secret in secrets)
    # the plain way to the same: mark every byte that belongs to some secret
    marked = {
        at
        for s in secrets
        for m in re.finditer(f"(?={s})".encode(), text)
        for at in range(m.start(), m.start() + len(s))
    }
    assert whole[0].replace(b"***", b"") == bytes(byte for at, byte in enumerate(text) if at not in marked)


# ---------------------------------------------------------------------------------------------------------- captures


def test_a_capture_is_private_redacted_and_hashed(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "push.log", secrets=[Secret(SECRET)])
    assert capture.write(b"one " + SECRET[:9].encode()) == b"one "
    assert capture.write(SECRET[9:].encode() + b" two\n") == b"*** two\n"
    closed = capture.close()
    stored = (tmp_path / "push.log").read_bytes()
    assert stored == b"one *** two\n"
    assert stat.S_IMODE((tmp_path / "push.log").stat().st_mode) == 0o600
    assert (closed.name, closed.bytes, closed.cut, closed.redactions) == ("push.log", 12, False, 1)
    assert closed.sha256 == sha256(stored).hexdigest()
    assert capture.trouble is None


def test_a_capture_stops_at_its_cap(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "c", cap=10)
    assert (capture.write(b"0123456789"), capture.cut) == (b"0123456789", False)
    assert (capture.write(b"ab"), capture.cut) == (b"ab", True)
    closed = capture.close()
    assert (closed.bytes, closed.cut) == (10, True)
    assert (tmp_path / "c").read_bytes() == b"0123456789"
    assert capture.trouble == "the capture c is not whole: more than 10 bytes"


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_a_capture_never_takes_an_existing_name(tmp_path: Path, kind: str) -> None:
    (tmp_path / "other").write_bytes(b"kept")
    if kind == "file":
        (tmp_path / "c").write_bytes(b"kept")
    else:
        (tmp_path / "c").symlink_to(tmp_path / ("other" if kind == "link" else "nowhere"))
    with pytest.raises(InconclusiveError, match="the capture c can't be made"):
        Capture(tmp_path, "c")
    assert (tmp_path / "other").read_bytes() == b"kept"
    assert not (tmp_path / "nowhere").exists()


def test_a_full_disk_cuts_a_capture(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "c")
    os.dup2(os.open("/dev/full", os.O_WRONLY), capture._file)
    assert capture.write(b"abc") == b"abc"
    assert capture.close().cut
    assert capture.trouble == "the capture c is not whole: No space left on device after 0 bytes"


def test_a_failing_fsync_cuts_a_capture(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "c")
    capture.write(b"abc")
    reader, writer = os.pipe()
    os.dup2(writer, capture._file)  # a pipe can't be synced: EINVAL
    closed = capture.close()
    os.close(reader)
    os.close(writer)
    assert (closed.cut, closed.bytes) == (True, 3)
    assert capture.trouble == "the capture c is not whole: Invalid argument at the end"


# ---------------------------------------------------------------------------------------------------------- children


def test_stdout_and_stderr_are_one_stream(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "c", secrets=[Secret(SECRET)])
    observation: list[bytes] = []
    script = f"echo out; echo err >&2; printf '%s' '{SECRET}'; printf hunt; exit 3"
    ended = sh(script, capture=capture, tee=observation.append)
    assert (ended.exit, ended.signal, ended.ended_by, ended.capture) == (3, None, None, "c")
    assert ended.argv == ("sh", "-c", script)
    capture.close()
    assert (tmp_path / "c").read_bytes() == b"out\nerr\n***hunt" == b"".join(observation)


def test_output_has_the_time_at_which_it_came(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "x")
    ended = sh("printf one; sleep 0.4; printf two; sleep 0.01; printf three", capture=capture)
    capture.close()
    (first, began), (second, later) = ended.output_times
    assert (first, second) == (0, 3)
    assert began + 300 <= later <= ended.millis


def test_the_times_of_output_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OUTPUT_TIMES", 2)
    monkeypatch.setattr(limits, "OUTPUT_TIME_MILLIS", 10)
    capture = Capture(tmp_path, "x")
    ended = sh("for n in 1 2 3 4; do printf $n; sleep 0.1; done", capture=capture)
    capture.close()
    assert [offset for offset, _ in ended.output_times] == [0, 1]


def test_without_a_capture_the_tee_gets_raw_bytes() -> None:
    observation: list[bytes] = []
    assert sh("echo hello", tee=observation.append).exit == 0
    assert b"".join(observation) == b"hello\n"


def test_a_child_that_a_signal_ends() -> None:
    ended = sh("kill -SEGV $$")
    assert (ended.exit, ended.signal, ended.ended_by) == (None, signal.SIGSEGV, None)


@pytest.mark.parametrize("argv", [["no-such-program-here"], ["/nonexistent/x"], ["/etc/passwd"], ["sh\0x"]])
def test_a_missing_program(argv: list[str]) -> None:
    ended = run(argv, name="t", env=ENV, deadline_seconds=5, cancel=CancelToken(), clock=CLOCK)
    assert (ended.ended_by, ended.exit, ended.signal) == ("missing", None, None)


def test_a_missing_folder() -> None:
    assert sh("true", cwd=Path("/nonexistent")).ended_by == "missing"


def test_stdin_is_fed_and_closed(tmp_path: Path) -> None:
    data = os.urandom(1_000_000)
    capture = Capture(tmp_path, "c")
    assert sh("cat", stdin=data, capture=capture).exit == 0
    assert capture.close().sha256 == sha256(data).hexdigest()


def test_a_child_that_does_not_want_its_input() -> None:
    assert sh("exec <&-; sleep 0.2; exit 7", stdin=b"x" * 1_000_000).exit == 7


def test_no_stdin_is_an_empty_one() -> None:
    assert sh('test -z "$(cat)"').exit == 0


def test_only_the_given_environment() -> None:
    _ended, out, _err = output(
        ["env"],
        name="t",
        env={"PATH": ENV["PATH"], "A": "b"},
        cap=1000,
        deadline_seconds=9,
        cancel=CancelToken(),
        clock=CLOCK,
    )
    assert set(out.decode().split()) - {"_=/usr/bin/env"} == {f"PATH={ENV['PATH']}", "A=b"}


def test_a_deadline_ends_the_whole_group() -> None:
    observation: list[bytes] = []
    ended = sh("sleep 300 & echo $!; wait", deadline_seconds=0.4, tee=observation.append)
    assert (ended.ended_by, ended.signal) == ("deadline", signal.SIGTERM)
    assert ended.millis < 60_000
    assert gone_within(int(b"".join(observation)), 2)


def test_a_child_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TERMINATE_SECONDS", 0.3)
    observation: list[bytes] = []
    ended = sh(
        "trap 'echo asked' TERM; echo up; while :; do sleep 0.05; done", deadline_seconds=0.4, tee=observation.append
    )
    assert (ended.ended_by, ended.exit, ended.signal) == ("deadline", None, signal.SIGKILL)
    assert b"".join(observation).endswith(b"asked\n")  # what it says while it ends is kept
    assert 600 < ended.millis < 60_000


def test_a_cancel_ends_it_and_its_own_exit_code_is_kept() -> None:
    token = CancelToken()
    ended = sh(
        "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done", cancel=token, tee=lambda _piece: token.cancel("x")
    )
    assert (ended.ended_by, ended.exit) == ("cancelled", 5)


def test_a_cancelled_run_starts_nothing(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel("before")
    ended = sh(f"touch {tmp_path}/started", cancel=token)
    assert (ended.ended_by, ended.exit) == ("cancelled", None)
    assert not (tmp_path / "started").exists()


def test_a_loss_ends_it() -> None:
    lost = threading.Event()
    threading.Timer(0.2, lost.set).start()
    ended = sh("sleep 300", stop=lost.is_set)
    assert (ended.ended_by, ended.signal) == ("loss", signal.SIGTERM)
    assert ended.millis < 60_000


def test_what_cannot_be_recorded_is_not_done(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "c", cap=100_000)
    ended = sh("yes", capture=capture)
    assert ended.ended_by == "limit"
    closed = capture.close()
    assert (closed.bytes, closed.cut) == (100_000, True)


def test_a_grandchild_that_holds_the_pipe_does_not_hang_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TERMINATE_SECONDS", 0.3)
    observation: list[bytes] = []
    ended = sh("sleep 300 & echo $!; exit 4", tee=observation.append)
    assert (ended.exit, ended.ended_by) == (4, None)
    assert ended.millis < 60_000
    assert gone_within(int(b"".join(observation)), 2)


def test_a_grandchild_in_its_own_session_does_not_hang_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TERMINATE_SECONDS", 0.3)
    inner = "echo $$; touch up; exec sleep 300"
    observation: list[bytes] = []
    ended = sh(
        f"setsid sh -c '{inner}' & until [ -e up ]; do sleep 0.05; done; exit 4", tee=observation.append, cwd=tmp_path
    )
    os.kill(int(b"".join(observation)), signal.SIGKILL)
    assert (ended.exit, ended.ended_by) == (4, None)
    assert ended.millis < 60_000


def test_a_grandchild_that_floods_the_pipe_ends_at_the_cap(tmp_path: Path) -> None:
    capture = Capture(tmp_path, "c", cap=1000)
    ended = sh("(sleep 0.3; exec yes) & exit 0", capture=capture)
    assert (ended.ended_by, ended.exit) == ("limit", 0)


def test_late_words_of_a_grandchild_are_kept() -> None:
    observation: list[bytes] = []
    assert sh("(sleep 0.1; echo late) & exit 0", tee=observation.append).exit == 0
    assert b"".join(observation) == b"late\n"


def test_a_child_that_closes_its_output_is_still_waited_for() -> None:
    ended = sh("exec >&- 2>&-; sleep 0.3; exit 6")
    assert (ended.exit, ended.ended_by) == (6, None)
    assert ended.millis >= 300


def test_a_tee_that_raises_leaves_no_child() -> None:
    observation: list[int] = []

    def broken(piece: bytes) -> None:
        observation.append(int(piece))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sh("echo $$; exec sleep 300", tee=broken)
    assert gone_within(observation[0], 2)


def test_no_core_files() -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    observation: list[bytes] = []
    sh("sleep 1; ulimit -c; ulimit -Hc", tee=observation.append)
    assert b"".join(observation) == b"0\n0\n"
    assert resource.getrlimit(resource.RLIMIT_CORE) == before


def test_memory_stays_the_same_however_much_a_child_prints() -> None:
    script = (
        "import resource, sys\n"
        "from gate.clock import SystemClock\n"
        "from gate.process import CancelToken, run\n"
        "size = 0\n"
        "def tee(piece):\n"
        "    global size\n"
        "    size += len(piece)\n"
        "run(['head', '-c', sys.argv[1], '/dev/zero'], name='t', env={'PATH': '/usr/bin:/bin'}, tee=tee,\n"
        "    deadline_seconds=60, cancel=CancelToken(), clock=SystemClock())\n"
        "print(size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    small, large = (
        list(
            map(
                int,
                subprocess.run(
                    [sys.executable, "-c", script, str(size)], capture_output=True, check=True
                ).stdout.split(),
            )
        )
        for size in (1 << 20, 256 << 20)
    )
    assert (small[0], large[0]) == (1 << 20, 256 << 20)
    assert large[1] - small[1] < 8 * 1024  # KiB


@pytest.mark.parametrize("method", ["setpriv", "python"])
def test_a_child_dies_with_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    script = (
        "import sys\n"
        "from gate.clock import SystemClock\n"
        "from gate.process import CancelToken, run\n"
        "run(['sh', '-c', 'echo $$ >pid.new; mv pid.new pid; exec sleep 300'], name='t', env={'PATH': sys.argv[1]},\n"
        "    deadline_seconds=60, cancel=CancelToken(), clock=SystemClock())\n"
    )
    path = "/usr/bin:/bin"
    if method == "python":
        path = str(tmp_path / "bin")
        (tmp_path / "bin").mkdir()
        for name in ("sh", "mv", "sleep"):
            (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    gate = subprocess.Popen([sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r})\n" + script, path])
    try:
        until = time.monotonic() + 20
        while not (tmp_path / "pid").exists() and time.monotonic() < until:
            time.sleep(0.02)
        pid = int((tmp_path / "pid").read_text())
        assert alive(pid)
    finally:
        gate.kill()
        gate.wait()
    assert gone_within(pid, 3)


def test_a_setpriv_that_is_busybox_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "busybox").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "busybox").chmod(0o755)
    (tmp_path / "setpriv").symlink_to("busybox")
    assert children.dying_with_us(str(tmp_path))[0] == sys.executable
    (tmp_path / "true").symlink_to("/bin/true")
    assert (
        run(["true"], name="t", env={"PATH": str(tmp_path)}, deadline_seconds=9, cancel=CancelToken(), clock=CLOCK).exit
        == 0
    )


def test_without_pidfds_the_end_is_found_by_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    assert sh("exec >&- 2>&-; sleep 0.2; exit 6").exit == 6


def test_a_child_that_somebody_else_reaped_is_never_called_good() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        quick, slow = sh("exit 3"), sh("sleep 0.2; exit 3")
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert [(ended.exit, ended.signal) for ended in (quick, slow)] == [(None, None)] * 2


def test_a_child_that_nothing_ends_does_not_hang_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TERMINATE_SECONDS", 0.2)
    pids: list[int] = []
    with monkeypatch.context() as stalled:
        stalled.setattr(os, "killpg", lambda pid, _number: pids.append(pid))  # as in a wait for a dead disk
        stalled.setattr(subprocess.Popen, "__del__", lambda _self: None)
        ended = sh("exec sleep 300", deadline_seconds=0.2)
    os.kill(pids[0], signal.SIGKILL)
    os.waitpid(pids[0], 0)
    assert (ended.ended_by, ended.exit, ended.signal) == ("deadline", None, None)
    assert ended.millis < 60_000


def test_fifty_children_leave_no_open_files() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(50):
        assert sh(f"exit {number}").exit == number
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# ------------------------------------------------------------------------------------------------------------ output


def asked(script: str, cap: int = 1000, deadline: float = 30) -> tuple[ChildEnded, bytes, bytes]:
    return output(
        ["sh", "-c", script], name="q", env=ENV, cap=cap, deadline_seconds=deadline, cancel=CancelToken(), clock=CLOCK
    )


def test_output_keeps_the_streams_apart() -> None:
    ended, out, err = asked("echo out; echo err >&2; exit 2")
    assert (ended.exit, ended.ended_by, ended.capture, out, err) == (2, None, None, b"out\n", b"err\n")


@pytest.mark.parametrize(("size", "ended_by", "length"), [(1000, None, 1000), (1001, "limit", 1000)])
def test_output_is_capped(size: int, ended_by: str | None, length: int) -> None:
    ended, out, _err = asked(f"head -c {size} /dev/zero; sleep 0.2")
    assert (ended.ended_by, len(out)) == (ended_by, length)


def test_much_on_stderr_does_not_end_a_query() -> None:
    ended, out, err = asked("head -c 500000 /dev/zero >&2; echo fine")
    assert (ended.exit, ended.ended_by, out, len(err)) == (0, None, b"fine\n", 1000)


def test_output_has_a_deadline() -> None:
    ended, out, _err = asked("echo begun; sleep 300", deadline=0.3)
    assert (ended.ended_by, out) == ("deadline", b"begun\n")


def test_random_bytes_come_through() -> None:
    data = random.Random(7).randbytes(200_000)
    _ended, out, _err = output(
        ["cat"], name="q", env=ENV, stdin=data, cap=300_000, deadline_seconds=30, cancel=CancelToken(), clock=CLOCK
    )
    assert out == data
