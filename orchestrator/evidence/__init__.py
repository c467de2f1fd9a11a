"""What SurfSense's answers say about one company. Pure: no I/O, no clock.

Hits, places, pages and jobs come in; what passes the identity gate becomes values, each with the
sentence or cell that contains it. `model` has the types that all modules share.
"""
