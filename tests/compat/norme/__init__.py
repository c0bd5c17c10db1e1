"""An independent client of the norm "API Convergence CFA/OPCO".

Written from the wire protocol's description alone, and sharing nothing with the gateway or its simulator: where it and
they read the norm differently, a test fails. It knows HTTP and the norm; it does not know who answers.
"""
