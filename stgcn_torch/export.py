"""``python -m stgcn_torch.export``: a checkpoint as one file for another program, ONNX or ``torch.export``."""

from stgcn_torch.commands.entry import command

main = command("export")

if __name__ == "__main__":
    main()
