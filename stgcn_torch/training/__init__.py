"""What a run trains with: the Lightning module, its callbacks, and the step through the Triton kernels."""
