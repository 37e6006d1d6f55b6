"""What a network learned, over a whole data set: scans that stream, on one device or many."""

from jaxviz.dataset._ablate_each import EachAblation as EachAblation
from jaxviz.dataset._ablate_each import ablate_each as ablate_each
from jaxviz.dataset._ablation import Ablation as Ablation
from jaxviz.dataset._ablation import ablate as ablate
from jaxviz.dataset._activation_sample import ActivationSample as ActivationSample
from jaxviz.dataset._activation_sample import activation_sample as activation_sample
from jaxviz.dataset._class_statistics import ClassStatistics as ClassStatistics
from jaxviz.dataset._class_statistics import class_statistics as class_statistics
from jaxviz.dataset._confusion import Confusion as Confusion
from jaxviz.dataset._confusion import confusion as confusion
from jaxviz.dataset._correspondence import Correspondence as Correspondence
from jaxviz.dataset._correspondence import correspondence as correspondence
from jaxviz.dataset._dataset import Examples as Examples
from jaxviz.dataset._evolution import Evolution as Evolution
from jaxviz.dataset._evolution import evolution as evolution
from jaxviz.dataset._evolution import settling as settling
from jaxviz.dataset._fingerprint import fingerprint as fingerprint
from jaxviz.dataset._measure_each import Measures as Measures
from jaxviz.dataset._measure_each import measure_each as measure_each
from jaxviz.dataset._processes import allgather_bytes as allgather_bytes
from jaxviz.dataset._rank_channels import ChannelRanking as ChannelRanking
from jaxviz.dataset._rank_channels import rank_channels as rank_channels
from jaxviz.dataset._scan import Scan as Scan
from jaxviz.dataset._strongest import Strongest as Strongest
from jaxviz.dataset._strongest import strongest as strongest
