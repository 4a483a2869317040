"""What the end-to-end runner and the Python suites share."""
