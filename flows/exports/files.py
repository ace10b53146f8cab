"""The files of an upload, as streams of JSON: one file, or several that are one export.

Several are read as the members of one zip would be (`members`), whatever their order, except that all zips are opened
that are not a person's attachments: somebody has uploaded each of them. What a file is, its bytes decide. A file that
cannot be read costs only itself; limits hold for all files together.
"""

import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flows.exports import archive, members, tarball
from flows.exports.archive import Budget, Counted, Limits, Unreadable
from flows.exports.members import Named


def streams(path: Path, limits: Limits, unopened: Counter[str]) -> Iterator[Counted | Unreadable]:
    """Streams of JSON of the file at `path`, or of those in the folder; each must be read before the next is asked for.

    Between them comes what cannot be read. `unopened` gets how many files of each kind were left alone.
    """
    paths = sorted(path.iterdir()) if path.is_dir() else [path]
    if len(paths) == 1:
        yield from _one(paths[0], Budget(limits), unopened)
    else:
        yield from _several(paths, limits, unopened)


def _one(path: Path, budget: Budget, unopened: Counter[str]) -> Iterator[Counted | Unreadable]:
    if tarball.is_packed(path):
        yield from tarball.json_files(path, budget, unopened)
    elif zipfile.is_zipfile(path):
        yield from archive.json_files([path], budget, unopened)
    else:
        yield from _plain([path], budget)


@dataclass
class _Sorted:
    """The files of an upload, each in one list."""

    zips: list[Path] = field(default_factory=list)
    packed: list[Path] = field(default_factory=list)
    plain: dict[str, Path] = field(default_factory=dict)  # by name; JSON, if they are anything
    attached: list[zipfile.ZipInfo] = field(default_factory=list)

    @classmethod
    def of(cls, paths: list[Path]) -> "_Sorted":
        found = cls()
        for path in paths:
            if members.is_attachment(path.name):
                found.attached.append(zipfile.ZipInfo(path.name))
            elif tarball.is_packed(path):
                found.packed.append(path)
            elif zipfile.is_zipfile(path):
                found.zips.append(path)
            else:
                found.plain[path.name] = path
        return found

    def named(self) -> Named:
        return members.named([zipfile.ZipInfo(name) for name in self.plain])

    def paths(self, named: members.Members) -> list[Path]:
        return [self.plain[member.filename] for member in named]


def _several(paths: list[Path], limits: Limits, unopened: Counter[str]) -> Iterator[Counted | Unreadable]:
    files, budget = _Sorted.of(paths), Budget(limits)
    named = files.named()
    account = _account(files, named, limits)
    # By their names zips, and by their bytes none: such a file is broken.
    broken = [*named.zips, *(member for member in named.unopened if members.kind(member) == "zips")]
    others = [*named.json, *(member for member in named.unopened if members.kind(member) != "zips")]
    yield from _plain(files.paths(named.conversations), budget, account)
    for path in files.packed:
        yield from tarball.json_files(path, budget, unopened)
    yield from archive.json_files(files.zips, budget, unopened, account, bool(named.conversations or files.packed))
    yield from _plain(files.paths([] if named.conversations else others), budget, account)
    yield from _plain(files.paths([*named.notes, *broken]), budget, account)
    left = [*files.attached, *(others if named.conversations else ())]
    unopened.update(members.kind(member) for member in left)


def _plain(paths: list[Path], budget: Budget, account: str | None = None) -> Iterator[Counted | Unreadable]:
    for path in paths:
        if (size := path.stat().st_size) == 0:
            yield Unreadable("empty", "the export is empty (0 bytes); upload it again, then trigger again")
            continue
        with path.open("rb") as file:
            yield Counted(file, size, budget, account, alone=path)


def _account(files: _Sorted, named: Named, limits: Limits) -> str | None:
    """The id of the only account that they name: of the parts of an export, one may tell it for all."""
    found = set[str]()
    for path in files.paths(named.accounts):
        with path.open("rb") as file:
            found |= archive.account_ids(file)
    for path in files.zips if len(files.zips) > 1 or files.plain else ():
        found |= archive.accounts(path, Budget(limits))
    return found.pop() if len(found) == 1 else None
