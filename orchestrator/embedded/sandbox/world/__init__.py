"""The invented world, as hard to read as the real one: its companies, and what verbs see of them.

`companies.py` is the entry; `company.py` decides what is true of a company, `sources.py` and
`pages.py` what the sources say.
"""
