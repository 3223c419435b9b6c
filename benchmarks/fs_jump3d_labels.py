"""``python -m benchmarks.fs_jump3d_labels FOLDER``: which foot leaves the ice last, by skater and jump, in FS-Jump3D.

No learning: the height of each ankle when the skater takes off. A Salchow leaves the ice from the left foot, the right
leg already swinging up; a toe loop from the right foot, the left toe pick helping. (All of these skaters turn
counter-clockwise.) A folder whose feet contradict its name holds another jump.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

RIGHT_ANKLE, LEFT_ANKLE, UP = 3, 6, 2
CLEAR = 0.06  # metres above its usual height at which the lower ankle counts as off the ice


def take_off_heights(clip: np.ndarray) -> tuple[float, float]:
    """Heights of the right and the left ankle above the ice in the last frame before flight, in metres.

    Args:
        clip: (T, 17, 3), metres, z up.
    """
    right, left = clip[:, RIGHT_ANKLE, UP], clip[:, LEFT_ANKLE, UP]
    lower = np.minimum(right, left)
    inner = slice(int(0.15 * len(clip)), int(0.85 * len(clip)))
    t = inner.start + int(lower[inner].argmax())  # both feet highest: in flight
    while t > 0 and lower[t] > np.median(lower) + CLEAR:
        t -= 1
    ice = np.percentile(right, 5), np.percentile(left, 5)
    return float(right[t] - ice[0]), float(left[t] - ice[1])


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="FS-Jump3D: SKATER/JUMP/CLIP.npy, each (T, 17, 3) in millimetres")
    root = parser.parse_args().folder
    skaters = sorted(path.name for path in root.glob("Skater_*") if path.is_dir())
    if not skaters:
        sys.exit(f"fs_jump3d_labels: no Skater_* folders in {root}")
    print("median height of right/left ankle at take-off, metres")
    print(f"{'':10}" + "".join(f"{skater:>14}" for skater in skaters))
    for jump in ("Salchow", "Toeloop", "Loop", "Flip", "Lutz", "Axel"):
        cells = []
        for skater in skaters:
            clips = [np.load(path) / 1000 for path in sorted((root / skater / jump).glob("*.npy"))]
            right, left = np.median([take_off_heights(clip) for clip in clips], axis=0)
            cells.append(f"{right:8.2f}/{left:.2f} ")
        print(f"{jump:10}" + "".join(cells))


if __name__ == "__main__":
    main()
