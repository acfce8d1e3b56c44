"""One file a verb. `triage.py` is the flow: the file to read first."""
