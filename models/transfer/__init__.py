"""What a network has learned for other photos than its own: frozen features, and what is fitted on top of them.

The features are computed once. What is fitted to them costs seconds, where training the network would cost hours.

References:
    Zeiler and Fergus, [Visualizing and Understanding Convolutional Networks](https://arxiv.org/abs/1311.2901), 2014,
    section 5.2 (feature generalization) and 5.3 (feature analysis).
"""

from models.transfer._features import features as features
from models.transfer._features import flat as flat
from models.transfer._features import pooled as pooled
from models.transfer._features import sized as sized
from models.transfer._features import standardization as standardization
from models.transfer._head import Head as Head
from models.transfer._head import Headed as Headed
from models.transfer._head import fit_head as fit_head
from models.transfer._softmax import Softmax as Softmax
from models.transfer._softmax import fit_softmax as fit_softmax
from models.transfer._softmax import softmax_path as softmax_path
