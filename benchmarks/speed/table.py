"""The results of a run as text."""

import shlex
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

Results = Mapping[str, Any]
HEAD = ("", "ms", "clips/s", "speed / einsum", "share of best rate", "peak MiB", "difference")
COLUMNS = "| " + " | ".join(HEAD) + " |\n" + "|---" + "|---:" * (len(HEAD) - 1) + "|"


def machine(results: Results) -> str:
    """Versions, device and threads, in a sentence."""
    told = results["machine"]
    versions = ", ".join(f"{name} {release}" for name, release in told["versions"].items() if release)
    rates = ", ".join(
        f"{dtype.removeprefix('torch.')} {rate:,.0f} GFLOP/s"
        for dtype, rate in results["product"]["gflop_per_s"].items()
    )
    return (
        f"{told['device']}, {told['cores']} cores, {told['threads']} threads; Python {told['python']}, {versions}. "
        f"At best, sizes of {results['product']['size']}: {rates} "
        f"(float32 products: {told['float32_products']})."
    )


def sizes(results: Results) -> str:
    """Clips and rounds, in a sentence."""
    told = results["sizes"]
    clip = "recorded" if told["recorded"] else "random"
    return (
        f"{told['clips']} clips (2, {told['frames']}, 25, 1), float32; the padded ones are one {clip} clip of "
        f"{told['live']} live frames, {told['clips']} times, the dense ones random. "
        f"Medians of {results['rounds']} rounds."
    )


def origin(results: Results) -> str:
    """The command, the code and the recorded clip, in a sentence; nothing of results that do not tell."""
    if "arguments" not in results:
        return ""
    code = f" at commit {results['commit']}" if results["commit"] else ""
    code += ", with changes that are not in it" if results["changed"] else ""
    clip = results["clip"]
    recorded = f" The recorded clip is {clip['name']}, SHA-256 {clip['sha256']}." if clip else ""
    command = shlex.join(["python", "-m", "benchmarks.speed", *results["arguments"]])
    return f"`{command}`, {results['date']}{code}.{recorded}"


def kinds(results: Results) -> Iterator[tuple[str, str, list[Any]]]:
    """Rows by task and kind of clips."""
    for (task, kind), rows in groupby(results["rows"], key=lambda row: (row["task"], row["clips"])):
        yield task, kind, list(rows)


def lines(rows: list[Any]) -> Iterator[str]:
    """A table's, in Markdown."""
    yield COLUMNS
    for row in rows:
        if row["withheld"]:
            yield f"| {row['variant']} | {row['withheld']} |" + " |" * (len(HEAD) - 2)
            continue
        cells = [
            f"{row['ms']:,.1f}",
            told(row["clips_per_s"], ",.1f"),
            f"{row['ratio']:.2f}",
            told(row["share"], ".0%"),
            told(row["peak_mib"], ",.0f"),
            f"{row['error']:.1e}" if row["error"] else "0",
        ]
        yield f"| {row['variant']} | " + " | ".join(cells) + " |"


def told(figure: float | None, form: str) -> str:
    """A figure, or nothing where there is none."""
    return "" if figure is None else format(figure, form)


def printed(results: Results) -> str:
    """Everything, for a terminal."""
    text = "\n".join(filter(None, (machine(results), sizes(results), origin(results)))) + "\n"
    for task, kind, rows in kinds(results):
        text += f"\n{task}, {kind}\n" + "\n".join(lines(rows)) + "\n"
    return text
