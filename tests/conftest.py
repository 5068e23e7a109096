"""What all tests share: pytest's own tester for plugins."""

pytest_plugins = ["pytester"]
