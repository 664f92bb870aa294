"""Change control: plans, the gate, the ledger, verification and drift. Pure but for the ledger's files."""
