"""``python -m stgcn_torch.check``: what is wrong with a data set, before it costs a night of training.

Exit code 0: go on, with what is said in mind; 1: the command was used wrongly; 2: training would be pointless.
"""

from stgcn_torch.commands.entry import command

main = command("check")

if __name__ == "__main__":
    main()
