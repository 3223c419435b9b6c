"""What simple classifiers reach on the synthetic skating set: ``python -m benchmarks.skating_baselines``.

Logistic regression on raw frames and on each joint's mean and standard deviation. Each is fitted at several strengths
of regularisation and the best test accuracy printed, which flatters it: nothing was held out to choose by.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stgcn_torch.data.skating import write_skating_set

WINDOW = 64  # frames
HIP = 8  # MidHip
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C, the inverse of the regularisation
Clip = Float[np.ndarray, "3 T 25"]
Features = Float[np.ndarray, "N D"]


def live(clip: Float[np.ndarray, "3 T 25 1"]) -> Clip:
    """The clip without its zero tail."""
    shown = np.flatnonzero(clip[2].any(axis=(1, 2)))
    return clip[:, : shown[-1] + 1, :, 0]


def hip_centred(clip: Clip) -> Clip:
    """Coordinates from the hip in every frame that shows it; missing joints stay zero."""
    moved = clip.copy()
    moved[:2] -= clip[:2, :, [HIP]] * (clip[2] > 0)
    return moved


def raw_frames(clip: Clip) -> Float[np.ndarray, " D"]:
    """Every coordinate of every frame: a longer clip sampled evenly to the window, a shorter one zero-padded."""
    T = clip.shape[1]
    chosen = clip[:2, np.linspace(0, T - 1, WINDOW).astype(int)] if T > WINDOW else clip[:2]
    return np.pad(chosen, ((0, 0), (0, WINDOW - chosen.shape[1]), (0, 0))).ravel()


def mean_and_std(clip: Clip) -> Float[np.ndarray, " D"]:
    """Mean and standard deviation of each joint's x and y over the frames that show it."""
    found = clip[2] > 0
    count = found.sum(axis=0).clip(1)
    mean = (clip[:2] * found).sum(axis=1) / count
    variance = (((clip[:2] - mean[:, None]) * found) ** 2).sum(axis=1) / count
    return np.concatenate((mean.ravel(), np.sqrt(variance).ravel()))


def score_statistics(clip: Clip) -> Float[np.ndarray, " D"]:
    """Mean and standard deviation of each joint's score over all frames."""
    return np.concatenate((clip[2].mean(axis=0), clip[2].std(axis=0)))


def feature_table(clips: list[Clip]) -> dict[str, Features]:
    """Features of all clips under the name that the printed table gives them."""
    centred = [hip_centred(clip) for clip in clips]
    table = {
        "raw frames": np.array([raw_frames(clip) for clip in clips]),
        "raw frames, hip-centred": np.array([raw_frames(clip) for clip in centred]),
        "mean and std per joint": np.array([mean_and_std(clip) for clip in clips]),
        "mean and std per joint, hip-centred": np.array([mean_and_std(clip) for clip in centred]),
    }
    scores = np.array([score_statistics(clip) for clip in clips])
    table["mean and std per joint, hip-centred, and of scores"] = np.hstack([*list(table.values())[-1:], scores])
    return table


def best_accuracy(
    train: Features, train_labels: Int[np.ndarray, " N"], test: Features, test_labels: Int[np.ndarray, " M"]
) -> float:
    """Highest test accuracy over the strengths of regularisation, as a share of 1."""
    accuracies = []
    for strength in STRENGTHS:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200))
        with warnings.catch_warnings():  # weak regularisation need not converge to overfit
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train, train_labels)
        accuracies.append(float(model.score(test, test_labels)))
    return max(accuracies)


def main() -> None:
    """Make the default set in a temporary folder, fit every baseline and print one line for each."""
    with tempfile.TemporaryDirectory() as folder:
        root = write_skating_set(Path(folder) / "skating")
        features, labels = {}, {}
        for split in ("train", "test"):
            data = np.load(root / f"{split}_data.npy", mmap_mode="r")
            features[split] = feature_table([live(np.asarray(clip)) for clip in data])
            labels[split] = np.load(root / f"{split}_label.npy")
    print(f"{'logistic regression on':<52}test top-1")
    for name, train in features["train"].items():
        accuracy = best_accuracy(train, labels["train"], features["test"][name], labels["test"])
        print(f"{name:<52}{accuracy:10.1%}", flush=True)


if __name__ == "__main__":
    main()
