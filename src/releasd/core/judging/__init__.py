"""Judging built files: one module for each subject; core/distfiles.py is the entrance."""
