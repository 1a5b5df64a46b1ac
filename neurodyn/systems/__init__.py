"""The systems of the papers, one file each, every file opening with its equations."""
