"""``python -m gate`` is the command ``publication-gate``."""

from gate.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
