"""A clip of any length as a window of frames: padded with zeros or sampled, PaddleVideo's AutoPadding. NumPy."""

import numpy as np
from jaxtyping import Float, Int

Frames = Int[np.ndarray, " T"]


def window_frames(
    live: int, T: int, window: int, sampling: str = "to_last", rng: np.random.Generator | None = None
) -> Frames:
    """For each frame of the window, its source frame in the clip; -1 for padding.

    Args:
        live: Frames of the clip up to its last live one.
        T: All frames of the clip.
        window: Frames of the window.
        sampling: As in ``Preprocessing``, for a clip longer than the window.
        rng: Generator for the first frame of a shorter clip, or the frames of a longer one; None pads at the end and
            samples evenly.

    Raises:
        ValueError: ``to_length`` asks for a frame past the clip, where PaddleVideo raises IndexError.
    """
    if live <= window:
        begin = 0 if rng is None or live == window else int(rng.integers(0, window - live + 1))
        frames = np.arange(window) - begin
        return np.where((frames >= 0) & (frames < live), frames, -1)
    if rng is not None:
        return rng.choice(live, window, replace=False)
    frames = np.linspace(0, live if sampling == "to_length" else live - 1, window).astype(np.int64)
    if frames[-1] >= T:
        raise ValueError(
            f"sampling=to_length needs a frame of padding after the clip, got {live} live frames of {live}; "
            "use preprocessing.sampling=to_last"
        )
    return frames


def take_frames(clip: Float[np.ndarray, "C T V M"], frames: Frames) -> Float[np.ndarray, "C window V M"]:
    """The clip's frames at these indices, and zeros for -1.

    As in PaddleVideo, padding converts to float64 and sampling alone keeps the type: after centring the two differ in
    the last bit.
    """
    live = frames >= 0
    if live.all():
        return clip[:, frames]
    padded = np.zeros((clip.shape[0], len(frames), *clip.shape[2:]))
    padded[:, live] = clip[:, frames[live]]
    return padded
