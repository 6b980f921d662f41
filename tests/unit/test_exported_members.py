"""Every public name is meant, and every name that is meant is public."""

import inspect

import dsflow


def test_exactly_what_is_exported_is_public():
    shown = {name for name in dir(dsflow) if not name.startswith("_")}
    public = {name for name in shown if not inspect.ismodule(getattr(dsflow, name))}
    meant = set(dsflow.__all__) - {"__version__", "types"}
    assert public == meant


def test_all_is_sorted_and_each_name_is_there():
    assert dsflow.__all__ == sorted(dsflow.__all__)
    assert all(hasattr(dsflow, name) for name in dsflow.__all__)


def test_every_exported_class_and_function_is_explained():
    for name in dsflow.__all__:
        value = getattr(dsflow, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert (value.__doc__ or "").strip(), name
            assert not value.__doc__.startswith(f"{name}("), f"{name} has a generated docstring only"


def test_errors_are_one_tree():
    from dsflow import errors

    raised = [e for e in vars(errors).values() if inspect.isclass(e) and issubclass(e, Exception)]
    assert all(issubclass(e, errors.DsflowError) for e in raised)
