"""Errors that a user can cause: what must hold, what was found, what to do."""


class TelosError(Exception):
    """An error that the user can mend; shown as three lines, without a traceback, exit code 2.

    ``must``, ``found`` and ``fix`` are one line each.  Tests compare these texts.
    """

    exit_code = 2

    def __init__(self, must: str, found: str, fix: str):
        self.must, self.found, self.fix = must, found, fix
        super().__init__(f"{must}\n  found: {found}\n  to do: {fix}")


class SpecError(TelosError, ValueError):
    """A setting that cannot be; ``path`` is its dotted place in the recipe.

    A `ValueError` too, so that pydantic adds the place of the spec that it comes from, however deep (`telos.foundation.spec`).
    """

    def __init__(self, path: tuple[str, ...], must: str, found: str, fix: str):
        self.path = path
        self.parts = (must, found, fix)
        place = ".".join(path) or "recipe"
        super().__init__(f"{place}: {must}", found, fix)

    def under(self, *prefix: str) -> "SpecError":
        """The same error, seen from a spec that holds this one at ``prefix``."""
        return SpecError((*prefix, *self.path), *self.parts)


class MissingExtra(TelosError):
    """A part whose library is an optional extra and is not installed, or cannot be imported (``why``)."""

    def __init__(self, feature: str, module: str, extra: str, why: str | None = None):
        super().__init__(
            f"{feature} needs the Python package '{module}'",
            f"it cannot be imported: {why}" if why else "it is not installed",
            f"in the clone of Telos: pip install -c constraints.txt -e '.[{extra}]'",
        )


def require(module: str, *, extra: str, feature: str) -> object:
    """Import an optional package, or raise `MissingExtra` with the command that installs it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module.split(".", maxsplit=1)[0]:
            raise
        raise MissingExtra(feature, module, extra) from None


def nearest(word: str, choices: list[str]) -> str | None:
    """The choice that was probably meant, or None where nothing is near."""
    import difflib

    found = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if found:
        return found[0]
    small = {choice.lower(): choice for choice in reversed(choices)}  # LSTM means lstm
    found = difflib.get_close_matches(word.lower(), list(small), n=1, cutoff=0.6)
    return small[found[0]] if found else None
