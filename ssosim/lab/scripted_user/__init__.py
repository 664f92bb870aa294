"""The person at a device: opens pages that programs show, and does there what the behaviour says.

``python -m ssosim.lab.scripted_user URL`` is the person's browser; ``furnish`` puts it where programs look for one, and
``codes`` tells the person of device codes. What a person does is seen on the wire like all else.
"""

BEHAVIOURS = ("signs-in", "refuses", "walks-away", "types-wrong-password", "no-browser")
"""What a person may do; the first is the default. ``no-browser`` signs in by device code, which needs none here."""

__all__ = ["BEHAVIOURS"]
