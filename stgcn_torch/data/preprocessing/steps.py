"""The steps of preprocessing, done once to every clip: length, window, centring, choice of channels.

NumPy on one clip (C, T, V, M). A network only works on clips preprocessed as in its training, so a checkpoint holds
the ``Preprocessing``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from stgcn_torch.data.preprocessing.centring import centre_path, centre_positions, without_path
from stgcn_torch.data.preprocessing.cleaning import bridged, is_finite, missing, stray_frames, without_frames
from stgcn_torch.data.preprocessing.window import take_frames, window_frames
from stgcn_torch.skeleton import Skeleton

Clip = Float[np.ndarray, "C T V M"]
Numbers = Int[np.ndarray, "1 T 1 1"]

CHOICES = {
    "length": ("nonzero", "positive_sum"),
    "sampling": ("to_last", "to_length"),
    "select": ("before", "after"),
    "centring": ("detected", "every_joint"),
    "center_of": ("frame", "clip"),
    "absent_center": ("interpolate", "visible"),
    "teleports": ("keep", "missing", "drop"),
    "gaps": ("keep", "interpolate", "drop"),
    "nan": ("refuse", "missing"),
    "empty": ("refuse", "keep"),
}
STREAMS = ("joint", "bone", "joint_motion", "bone_motion")


@dataclass(frozen=True)
class Preprocessing:
    """Each part as a switch; the defaults are the preprocessing called ``fixed``.

    Attributes:
        window: Frames that the network sees; shorter clips are zero-padded at the end.
        channels: Names of a clip's channels, in order.
        keep: The channels that the network sees, in order.
        select: Whether the other channels are dropped ``before`` or ``after`` padding and centring.
        length: A clip ends with its last frame that has a ``nonzero`` value, or a ``positive_sum`` of its values
            (PaddleVideo's rule, which only the score channel makes safe: coordinates are signed).
        sampling: Longer clips are sampled evenly from the first frame ``to_last``, or ``to_length``, one past it
            (PaddleVideo's rule, which takes in a frame of padding).
        random_pad: In training, shorter clips start at a random frame of the window, and longer ones are sampled at
            random and left unsorted, as in PaddleVideo.
        center: Joint (name, index, or ``layout`` for the layout's centre) that is moved to the origin; None for none.
        centring: Move ``every_joint`` with it (PaddleVideo: undetected joints become false positions), or only the
            ``detected`` ones.
        absent_center: For an undetected centre, if only detected joints are moved: ``interpolate`` it from frames
            before and after, or take the mean of the joints that are ``visible`` in that frame.
        center_of: Take the centre ``frame`` by frame, or from the first frame of the ``clip``, which keeps the path.
        frames: Frames that a preprocessed clip keeps for ``crop`` and ``crops`` to choose the window from; None for the
            window.
        crops: Crops of a clip that evaluation and prediction average, evenly spaced from its start to its end.
        crop: Fraction of a clip's live frames in each crop.
        streams: Input streams: joint, bone, joint_motion, bone_motion; several are stacked.
        teleports: Frames in which a body is far from its place just before and after, as in a false detection:
            ``keep`` them, take the body's joints for ``missing``, or ``drop`` the frames.
        gaps: Joints undetected for up to 10 frames between two detections: ``keep`` them undetected, ``interpolate``
            coordinates and score, or ``drop`` the frames without anybody, however many.
        nan: NaN or infinite values: ``refuse`` the clip, or take the joint for ``missing`` in that frame.
        empty: Clips without any live frame: ``refuse`` or ``keep`` them.
    """

    window: int = 350
    channels: tuple[str, ...] = ("x", "y", "score")
    keep: tuple[str, ...] = ("x", "y")
    select: str = "after"
    length: str = "nonzero"
    sampling: str = "to_last"
    random_pad: bool = False
    center: str | int | None = "layout"
    centring: str = "detected"
    center_of: str = "frame"
    absent_center: str = "interpolate"
    teleports: str = "keep"
    gaps: str = "keep"
    frames: int | None = None
    crops: int = 1
    crop: float = 1.0
    streams: tuple[str, ...] = ("joint",)
    nan: str = "refuse"
    empty: str = "refuse"

    def __post_init__(self) -> None:
        for name in ("channels", "keep", "streams"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        problems = [
            f"preprocessing.{name} {getattr(self, name)!r} is unknown; choose {' or '.join(choices)}"
            for name, choices in CHOICES.items()
            if getattr(self, name) not in choices
        ]
        problems += [
            f"preprocessing.streams: {stream!r} is unknown; choose from {', '.join(STREAMS)}"
            for stream in self.streams
            if stream not in STREAMS
        ]
        problems += [
            f"preprocessing.keep: {channel!r} is not among the channels {', '.join(self.channels)}"
            for channel in self.keep
            if channel not in self.channels
        ]
        if not isinstance(self.window, int) or self.window < 1:
            problems.append(f"preprocessing.window must be a whole number of at least 1 frame, got {self.window!r}")
        if self.frames is not None and (not isinstance(self.frames, int) or self.frames < self.window):
            problems.append(f"preprocessing.frames must be at least the window of {self.window}, got {self.frames!r}")
        if not isinstance(self.crops, int) or self.crops < 1 or not 0 < self.crop <= 1:
            problems.append(
                f"preprocessing.crops must be at least 1 and preprocessing.crop in (0, 1], "
                f"got {self.crops!r} and {self.crop!r}"
            )
        if not isinstance(self.random_pad, bool):
            problems.append(f"preprocessing.random_pad must be true or false, got {self.random_pad!r}")
        if not self.streams or not self.keep:
            problems.append("preprocessing.keep and preprocessing.streams must not be empty")
        if problems:
            raise ValueError("; ".join(problems))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """From plain values, as a checkpoint holds them; ValueError names an unknown key."""
        refuse_unknown("preprocessing", values, [field.name for field in fields(cls)])
        typed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**typed)

    @property
    def plain(self) -> dict[str, Any]:
        """Plain values, as a checkpoint holds them."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @property
    def kept_frames(self) -> int:
        """Frames of a preprocessed clip."""
        return self.frames or self.window

    @property
    def in_channels(self) -> int:
        """Channels of the network's input."""
        return len(self.keep) * len(self.streams)

    def center_joint(self, body: Skeleton) -> int | None:
        """Index of the joint that is moved to the origin, if any."""
        if self.center is None:
            return None
        return body.center if self.center == "layout" else body.index(self.center)


def refuse_unknown(part: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise ValueError with the names that are no options of a part of the configuration, and its known options."""
    unknown = sorted(set(map(str, names)) - set(known))
    if unknown:
        raise ValueError(f"{part} has no option {', '.join(unknown)}; it has {', '.join(known)}")


PREPROCESSINGS: dict[str, Preprocessing] = {
    # PaddleVideo's AutoPadding and SkeletonNorm, with which the official figure-skating weights were trained.
    "paddlevideo": Preprocessing(
        window=350, length="positive_sum", sampling="to_length", center=8, centring="every_joint"
    ),
    # The article's: the score is dropped first, so the length rule sees signed coordinates only; no centring.
    "article": Preprocessing(window=1000, length="positive_sum", select="before", center=None),
    # The intention of both, without their faults.
    "fixed": Preprocessing(),
}


def preprocess(
    clip: Clip, preprocessing: Preprocessing, body: Skeleton, rng: np.random.Generator | None = None
) -> Float[np.ndarray, "D frames V M"]:
    """The preprocessed clip, float32; see ``traced`` for arguments and errors."""
    return traced(clip, preprocessing, body, rng)[0]


def traced(
    clip: Clip, preprocessing: Preprocessing, body: Skeleton, rng: np.random.Generator | None = None
) -> tuple[Float[np.ndarray, "D frames V M"], Int[np.ndarray, " frames"]]:
    """The preprocessed clip, and for each of its frames the source frame in the input; -1 for padding.

    Args:
        clip: Channels ``preprocessing.channels``; zeros where a joint is undetected and after the last frame.
        preprocessing: The steps.
        body: The layout of the joints.
        rng: Generator for ``random_pad``; None for padding at the end.

    Raises:
        ValueError: The clip has other channels or joints, or PaddleVideo's sampling runs past its end.
    """
    if clip.ndim != 4 or clip.shape[0] != len(preprocessing.channels) or clip.shape[2] != len(body.joints):
        raise ValueError(
            f"a clip must be (C, T, V, M) with C={len(preprocessing.channels)} ({', '.join(preprocessing.channels)}) "
            f"and V={len(body.joints)} ({body.name}), got {clip.shape}"
        )
    rows = [preprocessing.channels.index(channel) for channel in preprocessing.keep]
    channels = preprocessing.channels
    if preprocessing.nan == "missing":
        clip = without_nan(clip)
    clip, numbers = cleaned(clip, preprocessing)
    if preprocessing.select == "before":
        # float32 at once, as the article reads its data: the sign of a frame's sum can depend on the type.
        clip, channels, rows = clip[rows].astype(np.float32), preprocessing.keep, list(range(len(rows)))
    frames = window_frames(
        live_frames(clip, preprocessing.length),
        clip.shape[1],
        preprocessing.kept_frames,
        preprocessing.sampling,
        rng if preprocessing.random_pad else None,
    )
    clip = take_frames(clip, frames)
    joint = preprocessing.center_joint(body)
    if joint is not None:
        clip = centre(clip, joint, channels, preprocessing)
    return clip[rows].astype(np.float32), take_frames(numbers, frames).ravel().astype(np.int64) - 1


def absent_joint(clip: Clip, preprocessing: Preprocessing, body: Skeleton) -> Float[np.ndarray, "D frames M"]:
    """Values of a never detected joint in the preprocessed clip of each person.

    Zero, unless ``every_joint`` is moved with the centre: then the undetected joint moves with it too.
    """
    centred, joint = preprocess(clip, preprocessing, body), preprocessing.center_joint(body)
    if joint is None or preprocessing.centring == "detected":
        return np.zeros_like(centred[:, :, 0])
    return np.asarray((centred - preprocess(clip, replace(preprocessing, center=None), body))[:, :, joint])


def without_nan(clip: Clip) -> Clip:
    """The clip with a joint's values all zero, as if undetected, in each frame where one of them is NaN or infinite."""
    return np.where(is_finite(clip).all(axis=0), clip, clip.dtype.type(0))


def cleaned(clip: Clip, preprocessing: Preprocessing) -> tuple[Clip, Numbers]:
    """The clip after ``Preprocessing.teleports`` and ``gaps``, and the numbers of its frames in the input.

    Numbers start at 1; 0 is for the frames of zeros at the end that replace dropped frames.
    """
    channels = preprocessing.channels
    numbers = np.arange(1, clip.shape[1] + 1)[None, :, None, None]
    if preprocessing.teleports != "keep":
        coordinates = [i for i, channel in enumerate(channels) if channel != "score"]
        stray = stray_frames(clip[coordinates], detected(clip, channels))
        if preprocessing.teleports == "missing":
            clip = missing(clip, stray)
        else:
            clip, numbers = (without_frames(part, np.asarray(stray.any(axis=1))) for part in (clip, numbers))
    if preprocessing.gaps == "interpolate":
        clip = bridged(clip, detected(clip, channels))
    elif preprocessing.gaps == "drop":
        nobody = np.asarray(~detected(clip, channels).any(axis=(1, 2)))
        nobody[live_frames(clip) :] = False  # padding is no gap
        clip, numbers = (without_frames(part, nobody) for part in (clip, numbers))
    return clip, numbers


def live_frames(clip: Clip, length: str = "nonzero") -> int:
    """Number of frames up to the last live one, by a rule of ``Preprocessing.length``.

    For an empty clip ``nonzero`` gives 0 and ``positive_sum`` gives T, as in PaddleVideo.
    """
    if length == "positive_sum":
        # Frame by frame, as in PaddleVideo: the order of summation decides the sign of a sum near zero.
        T = clip.shape[1]
        return next((t + 1 for t in range(T - 1, -1, -1) if np.sum(clip[:, t]) > 0), T)
    live = np.flatnonzero((clip != 0).any(axis=(0, 2, 3)))
    return int(live[-1]) + 1 if live.size else 0


def detected(clip: Clip, channels: tuple[str, ...]) -> Bool[np.ndarray, "T V M"]:
    """True where a joint was detected: its score is positive, or without a score any of its values is not zero."""
    if "score" in channels:
        return np.asarray(clip[channels.index("score")] > 0)
    return np.asarray((clip != 0).any(axis=0))


def centre(clip: Clip, joint: int, channels: tuple[str, ...], preprocessing: Preprocessing) -> Clip:
    """The clip with a joint moved to the origin, by the rules of ``Preprocessing.centring`` and ``center_of``."""
    if preprocessing.centring == "every_joint":
        origin = clip[:, :, joint : joint + 1]
        if preprocessing.center_of == "clip":
            origin = origin[:, :1]
        return np.asarray(clip - origin)
    mask = detected(clip, channels)
    position, known = centre_positions(clip, mask, joint, channels, preprocessing.absent_center)
    return without_path(clip, mask, centre_path(position, known, preprocessing.center_of))
