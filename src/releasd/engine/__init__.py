"""Decides what is due and does it, through ports and the store alone."""
