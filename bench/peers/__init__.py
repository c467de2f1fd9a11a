"""The same purchase as other engines make it: no memo, no intent log, no ledger.

Each module is set up as its engine's guide has it, and runs in the environment that
`make bench` builds from `constraints-peers.txt`. They are told where broker and seller are by
`PEER_BROKER` and `PEER_SELLER`.
"""
