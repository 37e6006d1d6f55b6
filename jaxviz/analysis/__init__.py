"""What a network learned, over a whole data set: scans that stream, on one device or many."""

from jaxviz.analysis._receptive_field import receptive_field as receptive_field
from jaxviz.analysis._scan import Scan as Scan
from jaxviz.analysis._strongest import Strongest as Strongest
from jaxviz.analysis._strongest import strongest as strongest
