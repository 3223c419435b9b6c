"""Pickles read as data: the machine, what it may meet, and the errors of every reader here."""
