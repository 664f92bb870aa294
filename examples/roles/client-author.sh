# The author of a client in Python: its own test, with requests and pytest. The program is examples/python/sign_in.py.
# reads: docs/pytest.md#plain-requests-httpx-aiohttp-urllib3
pytest -q test_mine.py
