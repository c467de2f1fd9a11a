"""Writes `orchestrator/identity/legal_forms.tsv`, the table of legal forms.

It joins `spellings.tsv`, kept by hand, with `elf.tsv`, the facts of ISO 20275:
`python -m tools.legal_forms`.
"""
