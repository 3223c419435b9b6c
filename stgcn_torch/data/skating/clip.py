"""One clip of the synthetic set, from a programme to what the pose estimator reports."""

import numpy as np
from jaxtyping import Float32

from stgcn_torch.data.skating.camera import filmed
from stgcn_torch.data.skating.elements import ELEMENT_OF, ELEMENTS
from stgcn_torch.data.skating.estimator import estimated
from stgcn_torch.data.skating.skater import performance


def skating_clip(element: str, rng: np.random.Generator) -> Float32[np.ndarray, "3 T 25 1"]:
    """One skater, one element, one camera.

    Args:
        element: One of ``ELEMENTS``.
        rng: Draws everything; the same state gives the same clip.

    Returns:
        x / width − 0.5 and y / height − 0.5 (y down), and a score in [0, 1]; all three 0 for a joint that was not
        found. T is the clip's own length, 42 to 350 frames.

    Raises:
        ValueError: The element is unknown.
    """
    if element not in ELEMENT_OF:
        raise ValueError(f"element {element!r} is unknown; choose one of {', '.join(ELEMENTS)}")
    joints = performance(ELEMENT_OF[element](rng), rng)
    pixels, seen = filmed(joints, rng)
    return estimated(pixels, seen, rng)[..., None].astype(np.float32)
