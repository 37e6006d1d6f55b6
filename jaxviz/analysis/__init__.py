"""What a network learned, over a whole data set: scans that stream, on one device or many."""

from jaxviz.analysis._correspondence import Correspondence as Correspondence
from jaxviz.analysis._correspondence import correspondence as correspondence
from jaxviz.analysis._invariance import Invariance as Invariance
from jaxviz.analysis._invariance import invariance as invariance
from jaxviz.analysis._receptive_field import receptive_field as receptive_field
from jaxviz.analysis._scan import Scan as Scan
from jaxviz.analysis._strongest import Strongest as Strongest
from jaxviz.analysis._strongest import strongest as strongest
from jaxviz.analysis._transformations import Transformation as Transformation
from jaxviz.analysis._transformations import blur as blur
from jaxviz.analysis._transformations import brightness as brightness
from jaxviz.analysis._transformations import enlargement as enlargement
from jaxviz.analysis._transformations import horizontal_translation as horizontal_translation
from jaxviz.analysis._transformations import rotation as rotation
from jaxviz.analysis._transformations import standard_transformations as standard_transformations
from jaxviz.analysis._transformations import vertical_translation as vertical_translation
