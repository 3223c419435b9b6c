"""What a check of a data set says: one finding per kind of trouble."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SEVERITIES: Final = {
    "error": "training would refuse the clips or learn nothing that counts",
    "warning": "training runs, and its result is likely worse or its metrics say less than they seem to",
    "note": "worth knowing, and usual in such data",
}
SHOWN: Final = 5  # places that the text names


@dataclass(frozen=True)
class Finding:
    """One kind of trouble.

    Attributes:
        severity: A key of ``SEVERITIES``.
        name: What a program calls it.
        what: A sentence for a person.
        count: How many clips, frames, joints or classes, as the sentence says.
        where: The clips, as ``file[index]``, joints or classes that it is about.
        remedy: What to type, an override or a command; empty where there is nothing to type.
    """

    severity: str
    name: str
    what: str
    count: int = 1
    where: tuple[str, ...] = ()
    remedy: str = ""


def as_text(findings: Sequence[Finding]) -> str:
    """The findings as lines, errors first, and a last one that says whether to go on."""
    lines = []
    for severity in SEVERITIES:
        for finding in findings:
            if finding.severity == severity:
                lines.append(f"{severity:8} {finding.what}")
                if finding.where:
                    more = ", ..." if len(finding.where) > SHOWN else ""
                    lines.append(f"{'':8}   {', '.join(finding.where[:SHOWN])}{more}")
                if finding.remedy:
                    lines.append(f"{'':8}   try {finding.remedy}")
    said = ", ".join(f"{sum(f.severity == severity for f in findings)} {severity}s" for severity in SEVERITIES)
    return "\n".join([*lines, f"{'stop' if hopeless(findings) else 'go on'}: {said}"])


def hopeless(findings: Sequence[Finding]) -> bool:
    """Whether training would be pointless."""
    return any(finding.severity == "error" for finding in findings)
