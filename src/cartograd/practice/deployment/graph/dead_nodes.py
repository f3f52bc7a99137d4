"""Dead nodes: what no answer needs is taken out of a graph, and constants that nothing takes.

    needed = answers + what needed nodes take

Nodes that draw at random are no exception: nothing can tell that they have drawn.
"""

from cartograd.practice.deployment.graph.graph import Graph, taken


def dead_nodes(graph: Graph, /) -> bool:
    """Take out what no answer needs.

    Args:
        graph: is changed.

    Returns:
        Whether there was any.
    """
    needed, live = set(graph.answers), []
    for node in reversed(graph.nodes):
        if needed.intersection(node.output):
            live.append(node)
            needed.update(taken(node))
    constants = {name: one for name, one in graph.kept.items() if name in needed}
    if (len(live), len(constants)) == (len(graph.nodes), len(graph.kept)):
        return False
    graph.nodes, graph.kept = live[::-1], constants
    graph.refresh()
    return True
