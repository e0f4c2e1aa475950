"""One target under atheris: ``python -m fuzz.one TARGET [FLAGS OF LIBFUZZER] CORPUS…``."""

import sys

import atheris


def main(argv: list[str]) -> None:
    """Fuzz until libFuzzer ends the process. It gives a corpus as files, and writes what breaks as another."""
    name = argv[1]
    with atheris.instrument_imports(include=["gate.parse", f"fuzz.targets.{name}"]):
        from fuzz.target import load  # noqa: PLC0415  # what is imported here is instrumented

        target = load(name)
    atheris.Setup([f"fuzz-{name}", *argv[2:]], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
