"""``python -m stgcn_torch.evaluate``: the metrics of a checkpoint on a held-out split."""

from stgcn_torch.commands.entry import command

main = command("evaluate")

if __name__ == "__main__":
    main()
