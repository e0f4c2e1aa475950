"""``diff``: what two captures, or two runs, differ in. Both must be genuine before anything is compared."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gate.cli.outcome import RESULT_SCHEMA, Outcome, report
from gate.cli.parameters import AsFormat, JsonInto
from gate.errors import RefusedError, UnsealedError

Earlier = Annotated[Path, Parameter(help="The evidence folder of the earlier capture or run.")]
Later = Annotated[Path, Parameter(help="The evidence folder of the later one.")]


def diff(
    a: Earlier,
    b: Later,
    /,
    *,
    json: Annotated[bool, Parameter(help="Print JSON, as --format json does.")] = False,
    format: AsFormat = "text",
    json_into: JsonInto = None,
) -> int:
    """Compare two captures, or two runs: 0 nothing of weight differs, 4 B is worse, 3 it could not be told.

    Both folders are verified first; one that is not genuine, or was never sealed, is refused (2).
    """
    return report(lambda: _run(a, b), format="json" if json else format, json_into=json_into)


def _run(a: Path, b: Path) -> Outcome:
    from gate.evidence.codec import adapter
    from gate.judge.diff import compare
    from gate.model.diff import Difference
    from gate.render import difference
    from gate.seal import verify

    try:
        (one, first), (two, second) = verify(a), verify(b)
    except UnsealedError as error:
        raise RefusedError(str(error)) from None
    found = compare(one, two, digests=(first, second))
    return Outcome(
        exit_code=found.exit_code,
        text=difference.text(found),
        markdown=difference.markdown(found),
        data={
            "schema": RESULT_SCHEMA,
            "difference": adapter(Difference).dump_python(found, mode="json"),
            "error": None,
        },
    )
