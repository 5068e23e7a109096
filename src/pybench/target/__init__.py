"""What runs inside the interpreter under test."""
