"""What is done to a batch (N, C, T, V, M): augmentation, crops and streams. Torch."""
