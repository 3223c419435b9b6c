"""The network as the original writes it against each way that is faster or that people would use instead."""
