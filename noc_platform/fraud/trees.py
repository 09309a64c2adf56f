"""Whether the trees of a loaded model lead somewhere: scikit-learn follows their indices without looking.

skops proves of what types a model is, not that its numbers make sense: a tree whose branch points outside of itself, or
at a column there is not, reads foreign memory or ends the process (scikit-learn pull request 34558).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Nodes = np.ndarray[Any, Any]


def astray(model: Any) -> str | None:
    """What is wrong with a tree anywhere inside a fitted model; None where every tree is sound.

    Branches must lead forward, as scikit-learn's builders number them, so that no walk goes round in circles.
    """
    parts = list(_parts(model, set()))
    widths = {part.n_features_in_ for part in parts if _owns_trees(part)}
    trees = [part for part in parts if hasattr(part, "children_left") or _is_predictor(part)]
    if trees and len(widths) != 1:
        return f"its trees are made for {len(widths)} different numbers of columns"
    return next((said for tree in trees if (said := _wrong(tree, min(widths)))), None)


def _wrong(tree: Any, width: int) -> str | None:
    if _is_predictor(tree):
        nodes = tree.nodes
        inner = nodes["is_leaf"] == 0
        left, right, feature = (nodes[name].astype(np.int64) for name in ("left", "right", "feature_idx"))
        if bool((nodes["is_categorical"][inner] != 0).any()):
            return "a branch asks for a word, and every feature is a measure"
    else:
        left, right, feature = tree.children_left, tree.children_right, tree.feature
        inner = left != -1
    places = np.arange(len(left))
    if not len(left) or not _is_within(left[inner], places[inner], len(left)):
        return "a branch leads out of its tree"
    if not _is_within(right[inner], places[inner], len(left)):
        return "a branch leads out of its tree"
    if bool(((feature[inner] < 0) | (feature[inner] >= width)).any()):
        return "a branch asks for a column there is not"
    return None


def _is_within(children: Nodes, parents: Nodes, count: int) -> bool:
    return bool(((children > parents) & (children < count)).all())


def _is_predictor(part: Any) -> bool:
    return hasattr(part, "nodes") and hasattr(part, "raw_left_cat_bitsets")


def _owns_trees(part: Any) -> bool:
    return hasattr(part, "n_features_in_") and any(
        hasattr(part, name) for name in ("tree_", "_predictors", "estimators_")
    )


def _parts(whole: Any, seen: set[int]) -> Iterator[Any]:
    if id(whole) in seen or whole is None or isinstance(whole, str | bytes | int | float | bool):
        return
    seen.add(id(whole))
    yield whole
    for part in _inside(whole):
        yield from _parts(part, seen)


def _inside(whole: Any) -> list[Any]:
    if isinstance(whole, Mapping):
        return list(whole.values())
    if isinstance(whole, list | tuple | set):
        return list(whole)
    if isinstance(whole, np.ndarray):
        return whole.ravel().tolist() if whole.dtype == object else []
    return list(vars(whole).values()) if hasattr(whole, "__dict__") else []
