"""``python -m stgcn_torch.predict``: classes of clips and of people in recordings, and timelines of long ones."""

from stgcn_torch.commands.entry import command

main = command("predict")

if __name__ == "__main__":
    main()
