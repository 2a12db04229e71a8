"""Where the command starts; also for `accelerate launch -m conflict_ner train CONFIG`."""

import sys


def main() -> None:
    """Run the command; an interruption while its modules are imported is one line too."""
    try:
        from conflict_ner.cli import main as cli
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
