"""A throw-away demonstration, and a measurement: what is timed, given the clock."""

DEMONSTRATION = (
    "from dataclasses import asdict, dataclass",
    "toy_demonstration",
    {},
    """
@dataclass(frozen=True)
class Row:
    '''A number and its square.'''

    number: int
    square: int

    def to_json(self):
        '''The row as JSON types.'''
        return asdict(self)


def toy_demonstration():
    '''Squares.'''
    return [Row(number, number**2) for number in range(4)]
""",
)

MEASUREMENT = (
    "from dataclasses import asdict, dataclass",
    "toy_measurement",
    {},
    """
@dataclass(frozen=True)
class Taken:
    '''How long a sum took.'''

    seconds: float

    def to_json(self):
        '''As JSON types.'''
        return asdict(self)


def toy_measurement(timer, /):
    '''The time of a sum.'''
    return Taken(timer(lambda: sum(range(9)), 0.1))
""",
)
