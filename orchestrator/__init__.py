"""EMASAI's orchestrator: everything the agents need to work, one package per idea."""
