"""``python -m stgcn_torch.explain``: one page that shows which joints and which frames carried a decision."""

from stgcn_torch.commands.entry import command

main = command("explain")

if __name__ == "__main__":
    main()
