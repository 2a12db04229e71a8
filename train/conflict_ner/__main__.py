"""The entry point of the command, also for `accelerate launch -m conflict_ner train CONFIG`."""

import sys


def main() -> None:
    """Run the command; Ctrl+C while its modules are imported prints one line, not a traceback."""
    try:
        from conflict_ner.cli import main as cli
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
