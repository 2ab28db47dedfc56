"""tsdash: does the exported PyTorch model still give the same answers?

result = tsdash.check(model, inputs, modes=("trace", "script"))
"""

__version__ = "0.1.0"
__all__ = ("Result", "__version__", "check")


def __getattr__(name: str) -> object:
    """`check` and `Result`, imported when they are first asked for: `import tsdash` alone loads nothing."""
    if name not in ("Result", "check"):
        raise AttributeError(f"module 'tsdash' has no attribute {name!r}")
    from tsdash import api

    return getattr(api, name)
