"""Units sources measure in, and the exact way from one to another. Nothing here knows a stream."""

import math
from dataclasses import dataclass
from fractions import Fraction

from noc_platform.errors import BadMapping


@dataclass(frozen=True)
class Unit:
    """A unit: `base = value * scale + shift`, in the base unit of its dimension. `names` are what people write."""

    dimension: str
    names: tuple[str, ...]
    scale: Fraction
    shift: Fraction = Fraction(0)


@dataclass(frozen=True)
class Conversion:
    """`converted = (value * factor + offset) / divisor`: whole numbers, so that 1500 ms is 1.5 s and not almost."""

    factor: int
    offset: int
    divisor: int

    @property
    def is_identity(self) -> bool:
        """Whether the value stays as it is."""
        return (self.factor, self.offset, self.divisor) == (1, 0, 1)


UNITS = (
    Unit("length", ("metres", "meters", "m"), Fraction(1)),
    Unit("length", ("km", "kilometres", "kilometers"), Fraction(1000)),
    Unit("length", ("cm",), Fraction(1, 100)),
    Unit("length", ("feet", "ft"), Fraction("0.3048")),
    Unit("length", ("yards", "yd"), Fraction("0.9144")),
    Unit("length", ("miles", "mi"), Fraction("1609.344")),
    Unit("length", ("nautical miles", "nmi"), Fraction(1852)),
    Unit("time", ("seconds", "s"), Fraction(1)),
    Unit("time", ("milliseconds", "ms"), Fraction(1, 1000)),
    Unit("time", ("microseconds", "us"), Fraction(1, 1_000_000)),
    Unit("time", ("minutes", "min"), Fraction(60)),
    Unit("time", ("hours", "h"), Fraction(3600)),
    Unit("time", ("days", "d"), Fraction(86_400)),
    Unit("speed", ("m/s",), Fraction(1)),
    Unit("speed", ("km/h", "kmh"), Fraction(5, 18)),
    Unit("speed", ("mph",), Fraction("0.44704")),
    Unit("speed", ("knots", "kn"), Fraction(1852, 3600)),
    Unit("temperature", ("C", "celsius"), Fraction(1)),
    Unit("temperature", ("F", "fahrenheit"), Fraction(5, 9), Fraction(-160, 9)),
    Unit("temperature", ("K", "kelvin"), Fraction(1), Fraction("-273.15")),
    Unit("share", ("0 to 1", "fraction"), Fraction(1)),
    Unit("share", ("percent", "%"), Fraction(1, 100)),
    Unit("share", ("permille",), Fraction(1, 1000)),
    Unit("data rate", ("kbit/s", "kbps"), Fraction(1)),
    Unit("data rate", ("bit/s", "bps"), Fraction(1, 1000)),
    Unit("data rate", ("Mbit/s", "Mbps"), Fraction(1000)),
    Unit("data rate", ("Gbit/s", "Gbps"), Fraction(1_000_000)),
    Unit("angle", ("degrees", "deg"), Fraction(1)),
    Unit("angle", ("radians", "rad"), Fraction(180 / math.pi)),
    # Position services write whole numbers: 360480400 is 36.04804 degrees.
    Unit("angle", ("degrees e7",), Fraction(1, 10_000_000)),
)
BY_NAME = {name: unit for unit in UNITS for name in unit.names}


def conversion(source: str, target: str) -> Conversion:
    """How a number in `source` becomes one in `target`. Raises `BadMapping` naming the units there are."""
    one, other = _unit(source), _unit(target)
    if one.dimension != other.dimension:
        raise BadMapping(
            f"{source!r} is a {one.dimension} and {target!r} a {other.dimension}; "
            f"what becomes {target} is {', '.join(_names(other.dimension))}."
        )
    factor, offset = one.scale / other.scale, (one.shift - other.shift) / other.scale
    divisor = math.lcm(factor.denominator, offset.denominator)
    return Conversion(int(factor * divisor), int(offset * divisor), divisor)


def _unit(name: str) -> Unit:
    if name not in BY_NAME:
        raise BadMapping(f"no unit is called {name!r}; known are {', '.join(BY_NAME)}.")
    return BY_NAME[name]


def _names(dimension: str) -> list[str]:
    return [name for name, unit in BY_NAME.items() if unit.dimension == dimension]
