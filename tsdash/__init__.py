"""tsdash: does the exported PyTorch model still give the same answers?"""

__version__ = "0.1.0"
