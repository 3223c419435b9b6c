"""Every option of the commands, declared once: checks, help and reference pages follow from it. No torch."""
