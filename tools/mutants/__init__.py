"""Breaks the code on purpose, in a copy, and sees whether the tests notice."""
