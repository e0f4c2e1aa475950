"""The one issue of the scheduled probe: opened, updated, never doubled; only our own words get into it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.action.files import ROOT, conditions, load, steps
from tests.action.github_server import ISSUES, Issues
from tests.helpers import github_world as gh

pytestmark = pytest.mark.action
SCRIPT = ROOT / "scripts" / "action" / "issue.py"
TEMPLATE = ROOT / "workflows" / "scheduled-synthetic.yml"
MARK = "<!-- publication-gate: scheduled probe -->"
Report = Callable[..., tuple[int, str, str]]


@pytest.fixture
def issues(httpserver: HTTPServer) -> Issues:
    result = Issues()
    httpserver.expect_request(re.compile(".*")).respond_with_handler(result.answer)
    return result


@pytest.fixture
def report(httpserver: HTTPServer, tmp_path: Path) -> Report:
    """Runs the script as the action's step does: exit code, stdout, stderr."""

    def run(verdict: str, result: str = "failure", **environ: str) -> tuple[int, str, str]:
        value = {
            "GATE_ISSUE_VERDICT": verdict,
            "GATE_ISSUE_RESULT": result,
            "GATE_ISSUE_TOKEN": gh.TOKEN,
            "GITHUB_API_URL": httpserver.url_for("").rstrip("/"),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": gh.REPOSITORY,
            "GITHUB_RUN_ID": "77",
            "GITHUB_RUN_ATTEMPT": "2",
        }
        command = [sys.executable, "-I", str(SCRIPT)]
        done = subprocess.run(
            command, env={**value, **environ}, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return run


def an_issue(number: int, body: str, **more: Any) -> dict[str, Any]:
    labels = [{"name": "publication-gate"}]
    return {"number": number, "state": "open", "title": "t", "body": body, "labels": labels, **more}


def test_a_failing_probe_opens_one_issue_and_updates_it_from_then_on(issues: Issues, report: Report) -> None:
    assert report("quarantine") == (0, "issue: issue 1 opened: quarantine\n", "")
    assert report("inconclusive", GITHUB_RUN_ID="78") == (0, "issue: issue 1 updated: inconclusive\n", "")
    (row,) = issues.rows
    assert row["title"] == "The scheduled publication probe does not pass"
    assert row["labels"] == [{"name": "publication-gate"}]
    assert row["body"].startswith(f"{MARK}\nLast verdict: **inconclusive**\n")
    assert "Run: https://github.com/acme/widgets/actions/runs/78/attempts/2" in row["body"]
    (comment,) = issues.comments[1]
    assert comment.startswith("**inconclusive**: ")


def test_a_probe_that_passes_again_says_so_once_and_leaves_the_issue_to_a_person(
    issues: Issues, report: Report
) -> None:
    assert report("pass", "success") == (0, "issue: the probe passes and no issue is open: nothing to do\n", "")
    report("quarantine")
    assert report("pass", "success")[1] == "issue: issue 1 updated: pass\n"
    assert report("pass", "success")[1] == "issue: issue 1 knows already that the probe passes: nothing to do\n"
    assert [row["state"] for row in issues.rows] == ["open"]
    assert len(issues.comments[1]) == 1
    assert report("quarantine")[1] == "issue: issue 1 updated: quarantine\n"


def test_a_closed_issue_stays_closed_and_a_new_one_is_opened(issues: Issues, report: Report) -> None:
    report("quarantine")
    issues.rows[0]["state"] = "closed"
    assert report("quarantine")[1] == "issue: issue 2 opened: quarantine\n"


def test_an_issue_of_somebody_else_is_never_taken_for_ours(issues: Issues, report: Report) -> None:
    issues.rows += [
        an_issue(1, MARK, labels=[]),  # a stranger can write the mark, but give no label
        an_issue(2, f"> {MARK}"),
        an_issue(3, MARK, pull_request={"url": "u"}),
        an_issue(4, "no mark"),
        {**an_issue(5, ""), "body": None},
    ]
    assert report("refused")[1] == "issue: issue 6 opened: refused\n"
    assert [row["body"] for row in issues.rows[:4]] == [MARK, f"> {MARK}", MARK, "no mark"]


def test_the_oldest_of_several_on_a_later_page_is_updated(issues: Issues, report: Report) -> None:
    issues.rows += [an_issue(number, "no mark") for number in range(1, 150)]
    issues.rows += [an_issue(150, MARK), an_issue(151, MARK)]
    assert report("quarantine")[1] == "issue: issue 150 updated: quarantine\n"


@pytest.mark.parametrize(
    ("verdict", "result"),
    [
        ("", "failure"),
        ("", "cancelled"),
        ("", "skipped"),
        ("pass", "failure"),
        ("pass", "cancelled"),
        ("pass", ""),
        ("PASS", "success"),
        ("pass\n", "success"),
        ("break-glass", "success"),
        ("@everyone [x](https://evil.example.org) <img src=x>", "failure"),
        ("quarantine", "```"),
    ],
)
def test_what_is_no_answer_is_inconclusive_and_is_not_quoted(
    verdict: str, result: str, issues: Issues, report: Report
) -> None:
    code, output, _ = report(verdict, result)
    assert (code, output) == (0, "issue: issue 1 opened: inconclusive\n")
    text = json.dumps(issues.rows)
    assert not [piece for piece in ("everyone", "evil", "<img", "break-glass", "PASS", "```") if piece in text]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_SERVER_URL", "javascript:alert(1)"),
        ("GITHUB_SERVER_URL", "https://github.com/a)\n"),
        ("GITHUB_REPOSITORY", "acme/../x"),
        ("GITHUB_REPOSITORY", "acme"),
        ("GITHUB_RUN_ID", "1 2"),
        ("GITHUB_RUN_ATTEMPT", ""),
        ("GITHUB_API_URL", "http://api.example.org"),
        ("GITHUB_API_URL", "file:///etc"),
        ("GITHUB_API_URL", "https://api.example.org"),
        ("GITHUB_API_URL", "https://api.github.com@example.org"),
        ("GATE_ISSUE_TOKEN", ""),
        ("GATE_ISSUE_TOKEN", "a\nb"),
    ],
)
def test_odd_surroundings_write_nothing(name: str, value: str, issues: Issues, report: Report) -> None:
    code, output, answer = report("quarantine", **{name: value})
    assert (code, output, issues.rows) == (3, "", [])
    assert re.fullmatch(r"issue: [^\n]+\n", answer)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, "{}", "GitHub answers 403 to GET issues: has the job issues: write?"),
        (302, "", "GitHub answers 302 to GET issues"),
        (200, "{", "GitHub could not be asked for GET issues (JSONDecodeError)"),
        (200, "{}", "GitHub's list of issues is no list"),
    ],
)
def test_an_interface_that_fails_is_one_sentence(
    httpserver: HTTPServer, report: Report, status: int, body: str, words: str
) -> None:
    """A redirect to another host is not followed: the token would go along."""
    other = httpserver.url_for("/elsewhere").replace("//localhost:", "//127.0.0.1:")
    answer = Response(body, status, headers={"Location": other})
    httpserver.expect_request(ISSUES).respond_with_response(answer)
    code, output, result = report("quarantine")
    assert (code, output) == (3, "")
    assert result.startswith(f"issue: {words}")
    assert [request.path for request, _ in httpserver.log] == [ISSUES]


def test_a_renamed_repository_is_led_to_by_its_number(httpserver: HTTPServer, issues: Issues, report: Report) -> None:
    """GitHub answers 301 to a read and 307 to all else; the method and the token stay."""
    numbered = f"/repositories/{gh.NUMBER}/issues"

    def moved(request: Request) -> Response:
        there = request.full_path.replace(ISSUES, numbered).rstrip("?")
        return Response("", 301 if request.method == "GET" else 307, headers={"Location": httpserver.url_for(there)})

    def there(request: Request) -> Response:
        request.path = request.path.replace(numbered, ISSUES)
        return issues.answer(request)

    httpserver.clear()
    httpserver.expect_request(re.compile(f"{ISSUES}.*")).respond_with_handler(moved)
    httpserver.expect_request(re.compile(f"{numbered}.*")).respond_with_handler(there)
    assert report("quarantine") == (0, "issue: issue 1 opened: quarantine\n", "")
    assert report("inconclusive") == (0, "issue: issue 1 updated: inconclusive\n", "")
    assert len(issues.comments[1]) == 1


@pytest.mark.row("TRU-12")
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_of_the_environment_gets_the_token(httpserver: HTTPServer, report: Report, name: str) -> None:
    value = {"GITHUB_API_URL": "http://127.0.0.1:9", name: httpserver.url_for("")}
    assert report("quarantine", **value)[0] == 3
    assert httpserver.log == []


def test_nothing_listens(report: Report) -> None:
    code, _, answer = report("quarantine", GITHUB_API_URL="http://127.0.0.1:9")
    assert (code, answer) == (3, "issue: GitHub could not be asked for GET issues (URLError): see the run itself\n")


def test_the_job_that_may_write_issues_runs_nothing_else_and_has_no_secret() -> None:
    jobs = load(TEMPLATE)["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "scheduled-synthetic": {"contents": "read"},
        "report": {"issues": "write"},
    }
    (step,) = jobs["report"]["steps"]
    assert step["uses"].startswith("OWNER/publication-gate/report-issue@")
    assert "environment" not in jobs["report"]
    assert "secrets." not in str(jobs["report"])
    assert list(conditions(TEMPLATE)) == ["always()"]
    (only,) = steps(ROOT / "report-issue" / "action.yml")
    assert only["run"] == 'exec python3 -I "$GITHUB_ACTION_PATH/../scripts/action/issue.py"'
    assert set(step["with"]) == set(load(ROOT / "report-issue" / "action.yml")["inputs"])
