"""The order of training clips."""

from torch import Tensor
from torch.utils.data import DistributedSampler

from stgcn_torch.data.dataset import ClipDataset


class EpochSampler(DistributedSampler[tuple[Tensor, Tensor]]):
    """Torch's sampler for one process or several, ordered by (seed, epoch); the dataset's epoch is set with it."""

    def __init__(self, dataset: ClipDataset, num_replicas: int, rank: int, seed: int, drop_last: bool) -> None:
        super().__init__(dataset, num_replicas, rank, shuffle=True, seed=seed, drop_last=drop_last)
        self.clips = dataset

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning as each epoch starts."""
        super().set_epoch(epoch)
        self.clips.epoch = epoch
