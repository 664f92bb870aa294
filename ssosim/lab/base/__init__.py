"""What every part of a lab needs: errors, the lab folder, Linux calls, keys."""
