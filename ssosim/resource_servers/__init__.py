"""Resource servers at their real names: what access tokens are good for, as services of the lab.

Each of them validates the token of every request strictly (``access_tokens``), and says what the caller may do by the
scopes and roles in the token, or by the role assignments of the estate (``authorization``).
"""
