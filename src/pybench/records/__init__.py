"""Every document that crosses a process or a disk: fields, reader and writer."""
