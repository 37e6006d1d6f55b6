"""How stable a network's answers are: transformations of the images, adversarial perturbations and patches."""

from jaxviz.robustness._adversarial import Patch as Patch
from jaxviz.robustness._adversarial import adversarial_patch as adversarial_patch
from jaxviz.robustness._invariance import Invariance as Invariance
from jaxviz.robustness._invariance import invariance as invariance
from jaxviz.robustness._perturbation import fgsm as fgsm
from jaxviz.robustness._perturbation import pgd as pgd
from jaxviz.robustness._placement import Pasted as Pasted
from jaxviz.robustness._placement import paste_patch as paste_patch
from jaxviz.robustness._transformations import Transformation as Transformation
from jaxviz.robustness._transformations import blur as blur
from jaxviz.robustness._transformations import brightness as brightness
from jaxviz.robustness._transformations import enlargement as enlargement
from jaxviz.robustness._transformations import horizontal_translation as horizontal_translation
from jaxviz.robustness._transformations import rotation as rotation
from jaxviz.robustness._transformations import standard_transformations as standard_transformations
from jaxviz.robustness._transformations import vertical_translation as vertical_translation
