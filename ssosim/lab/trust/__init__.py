"""The lab's CA certificate in all the forms that programs read: files in ``/etc``, environment variables, databases.

``java``, ``nss``, ``openssl`` and ``browsers`` each produce one form; ``files`` has the paths.
"""
