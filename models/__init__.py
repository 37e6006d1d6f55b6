"""The networks under study, their weights and data."""

from models.network import Network as Network
from models.network import Spec as Spec
from models.weights import load as load
from models.weights import names as names
