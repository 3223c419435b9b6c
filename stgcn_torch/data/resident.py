"""Training clips that stay in the GPU's memory: a batch is then a gather on the GPU."""

from collections.abc import Iterator

import torch
from torch import Tensor

from stgcn_torch.data.dataset import ClipDataset
from stgcn_torch.data.sampler import EpochSampler

SHARE = 0.25  # largest share of the GPU's free memory for clips; the network needs the rest


def fits(dataset: ClipDataset, device: torch.device) -> bool:
    """Whether a dataset's preprocessed clips fit on a GPU; clips that change every epoch never do."""
    if device.type != "cuda" or not dataset.caches:
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return dataset.nbytes <= SHARE * free


class ResidentLoader:
    """Batches like a ``DataLoader``'s with the same sampler; all clips are preprocessed and moved at the start.

    Args:
        dataset: Clips that are the same in every epoch.
        sampler: Order of the dataset's indices; the caller sets its epoch.
        batch_size: Clips in a batch.
        drop_last: Leave out the last batch when it is not full.
        device: Device of the clips.
    """

    def __init__(
        self, dataset: ClipDataset, sampler: EpochSampler, batch_size: int, drop_last: bool, device: torch.device
    ) -> None:
        self.sampler = sampler
        self.batch_size, self.drop_last = batch_size, drop_last
        self.clips = torch.empty(len(dataset), *dataset.shape, device=device)
        N = len(dataset)
        order = torch.arange(N).roll(-N * sampler.rank // sampler.num_replicas)  # ranks start apart and share the cache
        for rows in torch.split(order, batch_size):
            self.clips[rows.to(device)] = dataset.__getitems__(rows.tolist())[0].to(device)
        self.labels = torch.as_tensor(dataset.labels, device=device)

    def __len__(self) -> int:
        """Batches of an epoch."""
        whole, rest = divmod(len(self.sampler), self.batch_size)
        return whole + bool(rest and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Clips (N, C, T, V, M) and labels (N) on the device, in the sampler's order."""
        order = torch.tensor(list(self.sampler), device=self.clips.device)  # one transfer an epoch
        for rows in torch.split(order, self.batch_size):
            if len(rows) == self.batch_size or not self.drop_last:
                yield self.clips[rows], self.labels[rows]
