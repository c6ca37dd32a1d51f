"""All that some components require, in the order in which it is computed."""

from collections.abc import Callable, Iterable

from assay.components.base import Component


def _as_is(component: Component) -> Component:
    return component


def walk(
    components: Iterable[Component],
    *,
    skip: Callable[[Component], bool] | None = None,
    resolve: Callable[[Component], Component] = _as_is,
) -> Iterable[Component]:
    """Yield components and all they require, requirements first, equal ones once.

    Args:
        components: where to begin.
        skip: components for which it is true are left out, and so is what only they require.
        resolve: applied to every component before it is looked at.
    """
    seen: set[str] = set()

    def visit(component: Component) -> Iterable[Component]:
        component = resolve(component)
        if component.key in seen:
            return
        seen.add(component.key)
        if skip is not None and skip(component):
            return
        for child in component.all_children():
            yield from visit(child)
        yield component

    for component in components:
        yield from visit(component)
