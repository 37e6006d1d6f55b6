"""Training a network on examples in memory: one compiled program an epoch, resumable to the same bits."""

from models.training._evaluation import Evaluation as Evaluation
from models.training._evaluation import evaluate as evaluate
from models.training._export import to_safetensors as to_safetensors
from models.training._recipe import RECIPES as RECIPES
from models.training._recipe import Recipe as Recipe
from models.training._train import Epoch as Epoch
from models.training._train import check as check
from models.training._train import train as train
