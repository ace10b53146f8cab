"""Make a synthetic ChatGPT export of any size: conversations of one invented person, with facts planted in them.

The same --conversations and --seed always make the same export. Memory use does not grow with the number of
conversations; 10,000 are about 180 MB of JSON.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from tests.sample.chatgpt_export import CONVERSATIONS, SEED, PlantedFact, write_export

_EXAMPLES = """examples:
  python -m tests.sample --out export.zip
  python -m tests.sample --conversations 10000 --seed 1 --out big.json --facts big_facts.json
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sample",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--conversations", type=_count, default=CONVERSATIONS, metavar="N", help="how many (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=SEED, metavar="N", help="of the chances (default: %(default)s)")
    parser.add_argument(
        "--out", type=_export, required=True, metavar="FILE", help=".zip as ChatGPT sends it, or .json for bare JSON"
    )
    parser.add_argument("--facts", type=Path, metavar="FILE", help="also write the planted facts, as a JSON array")
    arguments = parser.parse_args()
    style: Literal["zip", "json"] = "zip" if arguments.out.suffix == ".zip" else "json"
    try:
        facts = write_export(arguments.out, arguments.conversations, arguments.seed, style)
        if arguments.facts:
            _write_facts(arguments.facts, facts)
    except OSError as error:
        parser.exit(1, f"{parser.prog}: cannot write: {error}\n")
    size = arguments.out.stat().st_size / 1e6
    print(f"{arguments.out}: {arguments.conversations} conversations, {len(facts)} planted facts, {size:.1f} MB")


def _write_facts(path: Path, facts: list[PlantedFact]) -> None:
    text = json.dumps([asdict(fact) for fact in facts], ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a number of conversations")
    return int(text)


def _export(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".zip", ".json"):
        raise argparse.ArgumentTypeError(f"{text} ends neither in .zip nor in .json")
    return path


if __name__ == "__main__":
    main()
