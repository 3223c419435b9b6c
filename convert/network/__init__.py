"""From what a file holds to an ST-GCN: its names, its graph, its optimizer."""

from stgcn_torch.old_paths import names_of

__getattr__ = names_of("convert.network.network")
