"""The networks under study, their weights and data."""

from models.network import Network as Network
from models.network import Spec as Spec
from models.registry import initialize as initialize
from models.registry import load as load
from models.registry import names as names
