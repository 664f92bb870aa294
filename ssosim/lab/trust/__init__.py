"""The lab's certificate authority in every form that programs look for: files in ``/etc``, variables, databases.

``java``, ``nss``, ``openssl`` and ``browsers`` are one form each; ``files`` says where they stand.
"""
