"""``python -m stgcn_torch.train``: train, validate, test the best checkpoint, and leave a report."""

from stgcn_torch.commands.entry import command

main = command("train")

if __name__ == "__main__":
    main()
