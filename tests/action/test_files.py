"""What no linter sees of the action, the workflows and the templates."""

import re
from collections import Counter
from pathlib import Path

import pytest

from gate.github.outputs import OUTPUTS
from gate.settings import PROFILES, SETTINGS
from tests.action.files import ACTION, ACTIONS, PINNED, ROOT, SCRIPTS, WORKFLOWS, conditions, load, steps

pytestmark = pytest.mark.action
ALL = [*ACTIONS, *WORKFLOWS]
OWN_INPUTS = (
    *("mode", "profile", "confirm", "config", "evidence-dir", "upload-artifact", "artifact-name-suffix"),
    *("retention-days", "python", "github-token", "push-follows", "phase", "parts", "part-digests", "seconds", "until"),
)
SECRETS = [row for row in SETTINGS if row.type == "secret"]
NAMES = [str(path.relative_to(ROOT)) for path in ALL]


def step(name: str) -> dict[str, object]:
    return next(each for each in steps(ACTION) if each.get("id") == name or each["name"] == name)


def test_the_inputs_are_the_settings_in_their_order_and_the_actions_own() -> None:
    settings = [row.action_input for row in SETTINGS if row.action_input]
    assert list(load(ACTION)["inputs"]) == [*OWN_INPUTS, *settings]


def test_each_setting_is_told_in_the_words_of_the_table_and_empty_by_default() -> None:
    inputs = load(ACTION)["inputs"]
    for row in SETTINGS:
        if row.action_input:
            assert inputs[row.action_input]["description"].startswith(row.meaning), row.name
            assert inputs[row.action_input]["default"] == "", row.name


def test_each_setting_goes_into_the_variable_of_the_table_in_the_probe_step_alone() -> None:
    result = {name: value for name, value in step("probe")["env"].items() if not name.startswith("GATE_ACTION_")}  # type: ignore[attr-defined]  # a mapping
    del result["GITHUB_TOKEN"]
    assert result == {row.env: f"${{{{ inputs.{row.action_input} }}}}" for row in SETTINGS if row.action_input}
    for row in SECRETS:
        assert ACTION.read_text(encoding="utf-8").count(f"inputs.{row.action_input} ") == 1, row.name


def test_the_token_of_github_goes_to_the_run_step_alone_and_in_mode_require_alone() -> None:
    expected = "${{ inputs.mode == 'require' && inputs.github-token || '' }}"
    assert step("probe")["env"]["GITHUB_TOKEN"] == expected  # type: ignore[index]  # a mapping
    text = ACTION.read_text(encoding="utf-8")
    assert (text.count("inputs.github-token"), text.count("github.token")) == (1, 1)
    assert load(ACTION)["inputs"]["github-token"]["default"] == "${{ github.token }}"


def test_the_finishing_step_knows_the_mode_of_the_run_step() -> None:
    modes = {each["env"]["GATE_ACTION_MODE"] for each in (step("probe"), step("finish"))}  # type: ignore[index]  # mappings
    assert modes == {"${{ inputs.mode }}"}


def test_what_a_workflow_gives_the_action_is_one_of_its_inputs() -> None:
    inputs = set(load(ACTION)["inputs"])
    used = [each for path in WORKFLOWS for each in steps(path) if "publication-gate@" in each.get("uses", "")]
    assert len(used) >= 4
    assert [set(each["with"]) - inputs for each in used] == [set()] * len(used)


def test_every_input_is_used() -> None:
    text = ACTION.read_text(encoding="utf-8")
    assert [name for name in load(ACTION)["inputs"] if not re.search(rf"inputs\.{name}[ )]", text)] == []


def test_the_outputs_are_what_the_finishing_step_writes_and_the_address() -> None:
    outputs = load(ACTION)["outputs"]
    assert sorted(outputs) == sorted([*OUTPUTS, "artifact-url"])


@pytest.mark.parametrize(
    ("step_id", "name", "otherwise"),
    [
        ("verdict", "verdict", "'inconclusive'"),
        ("verdict", "outcome", "'fail'"),
        ("verdict", "exit-code", "'3'"),
        ("finish", "failed-paths", "'[]'"),
    ],
)
def test_an_output_of_a_run_that_was_not_finished_blocks(step_id: str, name: str, otherwise: str) -> None:
    assert load(ACTION)["outputs"][name]["value"] == f"${{{{ steps.{step_id}.outputs.{name} || {otherwise} }}}}"


@pytest.mark.row("RUN-13", "RUN-30")
@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_no_expression_in_a_script_and_no_file_that_leaks_to_later_steps(path: Path) -> None:
    for each in steps(path):
        assert "${{" not in each.get("run", "")
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"GITHUB_ENV|GITHUB_PATH|\bINPUT_|set-output|save-state|add-path|set-env", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_of_the_action_writes_what_leaks_or_reads_input_variables(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"GITHUB_ENV|GITHUB_PATH|\bINPUT_|set-output|add-path|set-env", text)


@pytest.mark.row("RUN-35")
@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_every_action_that_is_used_is_pinned_by_commit_and_its_tag_stands_beside(path: Path) -> None:
    used = [each["uses"] for each in steps(path) if "uses" in each and not each["uses"].startswith("./")]
    assert [name for name in used if not PINNED.fullmatch(name)] == []
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if re.match(r" *(- )?uses: [^.]", line)]
    assert [line for line in lines if not re.search(r"@[0-9a-f]{40} # v", line)] == []


def test_one_commit_an_action_everywhere() -> None:
    used = {each["uses"] for path in ALL for each in steps(path) if "uses" in each}
    assert Counter(name.partition("@")[0] for name in used).most_common(1)[0][1] == 1


@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_a_condition_on_an_input_compares_it(path: Path) -> None:
    """An action's input is text, and the text false is true (actions/runner#1483)."""
    expected = r"== '(true|false)'" if path in ACTIONS else r"== (true|false)\b"
    for condition in conditions(path):
        for result in re.finditer(r"inputs\.[a-z0-9-]+(?P<rest>[^&|)]*)", condition):
            assert re.match(r" *" + expected, result["rest"]), condition


@pytest.mark.row("RUN-32")
def test_job_names_are_unique_over_all_workflows() -> None:
    names = Counter(job["name"] for path in WORKFLOWS for job in load(path)["jobs"].values())
    assert {name: count for name, count in names.items() if count > 1} == {}


def test_the_last_step_always_runs_and_is_the_one_that_fails() -> None:
    *_, last = steps(ACTION)
    assert (last["name"], last["if"], last["run"]) == (
        "Verdict",
        "always()",
        'exec "$GITHUB_ACTION_PATH/scripts/action/verdict.sh"',
    )
    assert [each["name"] for each in steps(ACTION) if "continue-on-error" in each] == []


def test_what_finishes_runs_on_every_end() -> None:
    assert [
        each["id"] for each in steps(ACTION) if str(each.get("if", "")).startswith("always()") and "id" in each
    ] == [
        "finish",
        "upload",
        "verdict",
    ]


@pytest.mark.row("RUN-02")
def test_the_runs_own_program_takes_the_place_of_its_shell() -> None:
    for each in steps(ACTION):
        if "run" in each:
            assert each["shell"] == "bash"
            assert str(each["run"]).startswith("exec "), each["name"]
    assert step("probe")["run"] == 'exec "$GATE_ACTION_GATE" -I -m gate action-run'


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_no_right_by_default_and_every_job_its_own_and_an_end(path: Path) -> None:
    read = load(path)
    assert read["permissions"] == {}
    assert "concurrency" in read
    for job in read["jobs"].values():
        assert job["permissions"]
        assert isinstance(job["timeout-minutes"], int)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_secrets_come_from_an_environment_and_go_into_inputs_alone(path: Path) -> None:
    for job in load(path)["jobs"].values():
        mentions = [key for each in job["steps"] for key, value in each.items() if "secrets." in str(value)]
        assert set(mentions) <= {"with"}
        assert not mentions or "environment" in job


NOT_PROBING = ("ci.yml", "release.yml", "required-pr-check.yml", "check-before-push.yml")
PROBING = [path for path in WORKFLOWS if path.name not in NOT_PROBING]


@pytest.mark.parametrize("path", PROBING, ids=lambda path: path.name)
def test_a_probing_workflow_is_started_by_hand_or_by_the_clock_and_never_twice_at_a_time(path: Path) -> None:
    read = load(path)
    assert set(read["on"]) <= {"workflow_dispatch", "workflow_call", "schedule"}
    assert read["concurrency"]["cancel-in-progress"] is False


@pytest.mark.row("RUN-10")
def test_a_job_outlives_the_runs_own_deadline_by_a_minute() -> None:
    deadline = next(row for row in SETTINGS if row.name == "deadline").default
    for path in WORKFLOWS:
        for job in load(path)["jobs"].values():
            for each in job["steps"]:
                probes = re.search(r"publication-gate(@|$)", each.get("uses", ""))
                if probes and each["with"].get("mode") != "require":
                    value = float(each["with"].get("deadline", deadline))
                    assert job["timeout-minutes"] * 60 - value >= 60, path.name


@pytest.mark.row("RUN-16")
def test_nothing_of_ours_stops_the_runners_commands() -> None:
    """A token that is guessed or printed would start them again; foreign text is escaped instead."""
    places = [*ROOT.glob("gate/**/*.py"), *SCRIPTS, *ALL]
    assert len(places) > 50
    assert [path.name for path in places if "stop-commands" in path.read_text(encoding="utf-8")] == []


@pytest.mark.row("RUN-36")
@pytest.mark.parametrize("path", ALL, ids=NAMES)
def test_no_cache_is_restored_before_the_gate(path: Path) -> None:
    for each in steps(path):
        assert "cache" not in each.get("uses", "").partition("@")[0]
        assert not [name for name in each.get("with", {}) if name.startswith("cache")]


@pytest.mark.row("RUN-34")
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_runs_with_the_bases_rights_on_a_changes_say(path: Path) -> None:
    assert {"pull_request_target", "workflow_run", "issue_comment"}.isdisjoint(load(path)["on"])


REQUIRED = ROOT / "workflows" / "required-pr-check.yml"


@pytest.mark.row("RUN-38")
def test_the_required_check_answers_the_merge_queue_too_and_is_never_left_out() -> None:
    read = load(REQUIRED)
    assert read["on"] == {"pull_request": None, "merge_group": None}
    assert list(conditions(REQUIRED)) == []
    (job,) = read["jobs"].values()
    assert "needs" not in job


@pytest.mark.row("RUN-33", "RUN-35")
def test_the_required_check_runs_no_code_of_the_change() -> None:
    """Nothing is checked out, and the one action is of another repository, by commit."""
    (only,) = steps(REQUIRED)
    assert only["uses"].startswith("OWNER/publication-gate@")
    assert PINNED.fullmatch(only["uses"])
    assert set(only["with"]) == {"mode", "github-token"}


def test_the_dispatched_workflows_offer_every_profile() -> None:
    for path in WORKFLOWS:
        inputs = load(path)["on"].get("workflow_dispatch", {})
        if inputs:
            assert inputs["inputs"]["profile"]["options"] == [row.name for row in PROFILES], path.name


def test_the_scheduled_probe_has_its_own_confirm_phrase() -> None:
    probe = next(each for each in steps(ROOT / "workflows" / "scheduled-synthetic.yml") if each["name"] == "Probe")
    assert probe["with"]["confirm"] == "probe-attic-publication-" + probe["with"]["profile"]


def test_every_message_that_the_document_explains_is_one_of_ours() -> None:
    text = (ROOT / "docs" / "action.md").read_text(encoding="utf-8").partition("## What you may see")[2]
    messages = re.findall(r"(?m)^\| `([^`]+)` \|", text)
    assert len(messages) >= 8
    places = [*ROOT.glob("gate/**/*.py"), *SCRIPTS, *WORKFLOWS]
    source = "\n".join(path.read_text(encoding="utf-8") for path in places)
    source = re.sub(r"\{[^{}]*\}|\$[A-Za-z_]+", "…", re.sub(r'"\s*\n\s*f?"', "", source))
    for message in messages:
        output = re.sub(r"GATE_[A-Z_]+|\battic\b(?= is not on)", "…", message)
        assert output in source, message
