"""One clip of the synthetic set, from a programme to the pose estimator's output."""

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
        rng: The only source of randomness; the same state gives the same clip.

    Returns:
        x / width − 0.5 and y / height − 0.5 (y down), and a score in [0, 1]; all three 0 for an undetected joint. T is
        the length of the clip, 42 to 350 frames.

    Raises:
        ValueError: The element is unknown.
    """
    if element not in ELEMENT_OF:
        raise ValueError(f"element {element!r} is unknown; choose one of {', '.join(ELEMENTS)}")
    joints = performance(ELEMENT_OF[element](rng), rng)
    pixels, view = filmed(joints, rng)
    return estimated(pixels, view, rng)[..., None].astype(np.float32)
