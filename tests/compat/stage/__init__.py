"""What the suites play on: private processes of the program under test, on free ports, in a temporary folder."""
