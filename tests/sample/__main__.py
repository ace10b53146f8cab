"""Makes a synthetic ChatGPT export of any size: `python -m tests.sample --conversations 10000 --out big.zip`."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from tests.sample.export import CONVERSATIONS, SEED, planted_facts, write_export


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.sample", description=__doc__)
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS, metavar="N", help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="the same seed makes the same export (%(default)s)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the export: .zip, or .json for bare JSON"
    )
    parser.add_argument("--facts", type=Path, metavar="FILE", help="the planted facts as a JSON array")
    arguments = parser.parse_args()
    write_export(arguments.out, arguments.conversations, arguments.seed)
    if arguments.facts:
        facts = [asdict(fact) for fact in planted_facts(arguments.conversations, arguments.seed)]
        arguments.facts.write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
