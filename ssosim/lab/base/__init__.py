"""Modules that all other packages of ``lab`` use: errors, the lab folder, Linux system calls, signing keys."""
