"""What is measured of a map, by name: what it says, and which end is the better one."""

from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """A measure as a column.

    Attributes:
        title: what a reader calls it.
        better: which end is the better one.
        reading: what it says, in a sentence.
        source: where it is from.
    """

    title: str
    better: Literal["higher", "lower"]
    reading: str
    source: str


METRICS = {
    "insertion": Metric(
        "Insertion",
        "higher",
        "The mean probability of the class as the most important pixels come out of a blur first.",
        "Petsiuk et al. 2018",
    ),
    "deletion": Metric(
        "Deletion",
        "lower",
        "The mean probability of the class as the most important pixels go first.",
        "Petsiuk et al. 2018",
    ),
    "road": Metric(
        "ROAD",
        "higher",
        "Half of the difference between losing the least and the most important pixels, filled in without an edge.",
        "Rong et al. 2022",
    ),
    "mosaic": Metric(
        "Mosaic",
        "higher",
        "How much of the map lies on the image itself in a mosaic with three images of other classes; 0.25 is chance.",
        "Böhle et al. 2021",
    ),
    "redrawn": Metric(
        "Last redrawn",
        "lower",
        "The rank correlation with the map of the network whose last layer is redrawn.",
        "Adebayo et al. 2018",
    ),
    "other": Metric(
        "Other class",
        "lower",
        "The rank correlation with the map of another class, of those whose score is positive.",
        "Sixt et al. 2020",
    ),
    "sensitivity": Metric(
        "Sensitivity",
        "lower",
        "The largest change of the map, in shares of it, under noise that nobody sees.",
        "Yeh et al. 2019",
    ),
    "infidelity": Metric(
        "Infidelity",
        "lower",
        "The share of what noise does to the score that the map does not foretell; of maps in score per unit of input.",
        "Yeh et al. 2019",
    ),
    "sparseness": Metric(
        "Sparseness",
        "higher",
        "On how few pixels the map lies: the Gini index.",
        "Chalasani et al. 2020",
    ),
}
"""In the order of the columns."""
