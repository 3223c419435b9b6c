"""``python -m stgcn_torch.prepare``: recordings become arrays that ``train data=arrays`` and ``predict`` take."""

from stgcn_torch.commands.entry import command

main = command("prepare")

if __name__ == "__main__":
    main()
