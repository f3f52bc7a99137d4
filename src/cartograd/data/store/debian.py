"""Debian's own description of its packages: what each one is for, and its section.

A release has an index in two files: `Packages`, a paragraph of fields for each package, and
`Translation-en` with the long descriptions, which belong together by package name and the md5 of
the description. Fetching them asks apt to update lists of its own in a folder of their own, so
that the machine's lists stay as they are.

References:
    Debian Policy Manual, chapter 5. https://www.debian.org/doc/debian-policy/ch-controlfields.html
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from cartograd.core.at_work import scratch_folder
from cartograd.data.store.client import UnavailableError, run

CONFIGURATION = "/etc/apt/apt.conf.d"
"""The machine's settings of apt: how it reaches the archive."""

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PARTS = {"Packages": "*_binary-{}_Packages", "Translation-en": "*_i18n_Translation-en"}
"""The files of an index, and what apt's lists call them."""


def index(release: str, architecture: str, archive: Path, /) -> None:
    """The index of a release's main part, as a zip file of `Packages` and `Translation-en`.

    Raises:
        UnavailableError: apt is not there, or cannot reach the archive.
    """
    with scratch_folder() as (root, _):
        for name in ("lists/partial", "cache/archives/partial", "parts"):
            (root / name).mkdir(parents=True)
        for file in sorted(Path(CONFIGURATION).glob("*")):
            content = file.read_text(encoding="utf-8")
            if "Acquire::Languages" not in content and "Acquire::GzipIndexes" not in content:
                (root / "parts" / file.name).write_text(content, encoding="utf-8")
        (root / "sources.list").write_text(
            f"deb [arch={architecture} signed-by={KEYRING}] {_mirror(root)} {release} main\n",
            encoding="utf-8",
        )
        (root / "apt.conf").write_text(_configuration(root, architecture), encoding="utf-8")
        run(["apt-get", "-qq", "update"], root, APT_CONFIG=str(root / "apt.conf"))
        with zipfile.ZipFile(archive, "w") as file:
            for name, pattern in PARTS.items():
                indexes = list((root / "lists").glob(pattern.format(architecture)))
                if len(indexes) != 1:
                    raise UnavailableError(f"apt brought {len(indexes)} files {name} of one")
                # No time of day within, so that equal content is an equal archive.
                file.writestr(zipfile.ZipInfo(name), indexes[0].read_bytes())


def _mirror(root: Path) -> str:
    """Where this machine gets Debian from."""
    asked = "$(ORIGIN) $(CODENAME) $(REPO_URI)"
    command = ["apt-get", "indextargets", "--format", asked, "Created-By: Packages"]
    rows = [line.split() for line in run(command, root).splitlines()]
    # A release with a dash in its name (bookworm-security) may lie elsewhere.
    known = [line[2] for line in rows if line[:1] == ["Debian"] and "-" not in line[1]]
    if not known:
        raise UnavailableError("this machine's apt knows no archive of Debian")
    return known[0]


def _configuration(root: Path, architecture: str) -> str:
    return "".join(
        f'{key} "{value}";\n'
        for key, value in {
            "APT::Architecture": architecture,
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "en",
            "Acquire::GzipIndexes": "false",
            "Dir::Etc::Parts": root / "parts",
            "Dir::Etc::SourceList": root / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": root / "lists",
            "Dir::Cache": root / "cache",
        }.items()
    )


def paragraphs(text: str, /) -> Iterator[dict[str, str]]:
    r"""The fields of each paragraph of a control file; lines that go on keep their line breaks.

    >>> list(paragraphs("Package: a\nDescription: x\n long\n\nPackage: b\n"))
    [{'Package': 'a', 'Description': 'x\nlong'}, {'Package': 'b'}]
    """
    for paragraph in re.split(r"\n\n+", text.strip("\n")):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.split("\n"):
            if line[:1] in (" ", "\t"):
                fields[name] = fields.get(name, "") + "\n" + line[1:]
                continue
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        yield fields


def prose(description: str, /) -> str:
    r"""A description's synopsis and text as plain lines: its lone full stops are empty lines.

    >>> prose("a tool\nIt does\nthings.\n.\nMore.")
    'a tool\nIt does\nthings.\n\nMore.'
    """
    return re.sub(r"(?m)^\.$", "", description).strip()
