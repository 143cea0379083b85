"""Transfer features: what all five layers of a trained compact CNN say of a clip, and a support vector machine on that.

K. Choi, G. Fazekas, M. Sandler, K. Cho: "Transfer learning for music classification and regression tasks", ISMIR 2017.
Train the network on one corpus with ``compact_cnn.py --save``, then use it on another.
"""

import keras
import numpy as np
from corpus import arguments, features_of, report, sides, targets
from keras import layers
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from melgrid.loaders import derive
from melgrid.params import recipe

parser = arguments(__doc__)
parser.add_argument("--model", required=True, metavar="MODEL.keras", help="from compact_cnn.py --save")
args = parser.parse_args()
(feature,) = recipe("choi2017_compact").grid
features = features_of(args, feature)

trained = keras.saving.load_model(args.model)
blocks = [trained.get_layer(f"block{number}").output for number in range(1, 6)]
pooled = [layers.GlobalAveragePooling2D(name=f"pooled{number}")(block) for number, block in enumerate(blocks, start=1)]
model = keras.Model(trained.inputs, layers.Concatenate(name="features")(pooled), name="transfer_features")

train, _, test = sides(derive(features, model, axes="FTC"), args.seed)  # one frame of 160 values a clip
machine = make_pipeline(StandardScaler(), OneVsRestClassifier(SVC()))
values = {side: np.concatenate([side.feature_set[clip] for clip in side.clip_ids]) for side in (train, test)}
machine.fit(values[train], targets(train))
report("transfer_features", test, machine.decision_function(values[test]))
