"""``python -m stgcn_torch.visualize``: figures of a layout and its graph, of a checkpoint, a run or a clip."""

from stgcn_torch.commands.entry import command

main = command("visualize")

if __name__ == "__main__":
    main()
