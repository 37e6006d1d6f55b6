"""From arrays to pictures, contact sheets and a page: display scaling lives here and nowhere else."""

from jaxviz.render._bars import bars as bars
from jaxviz.render._bars import top_classes as top_classes
from jaxviz.render._blocks import Block as Block
from jaxviz.render._blocks import Covering as Covering
from jaxviz.render._blocks import Figure as Figure
from jaxviz.render._blocks import Gallery as Gallery
from jaxviz.render._blocks import Page as Page
from jaxviz.render._blocks import Prediction as Prediction
from jaxviz.render._blocks import Section as Section
from jaxviz.render._blocks import Strips as Strips
from jaxviz.render._crop import Box as Box
from jaxviz.render._crop import support as support
from jaxviz.render._encode import data_uri as data_uri
from jaxviz.render._encode import png as png
from jaxviz.render._grid import framed as framed
from jaxviz.render._grid import grid as grid
from jaxviz.render._html import html as html
from jaxviz.render._overlay import overlay as overlay
from jaxviz.render._resample import spread as spread
from jaxviz.render._resample import stretch as stretch
from jaxviz.render._scale import Scale as Scale
from jaxviz.render._scale import diverging as diverging
from jaxviz.render._scale import sequential as sequential
from jaxviz.render._signed import channel_sum as channel_sum
from jaxviz.render._signed import gray_centred as gray_centred
