"""Random convolutions, never trained, and a support vector machine on what they give: the accidental ELM.

J. Pons, X. Serra: "Randomly weighted CNNs for (music) audio classification", ICASSP 2019. The features are stored
beside those that they were made from: ``melgrid inspect`` shows them.
"""

import keras
import numpy as np
from corpus import arguments, features_of, report, sides, targets
from keras import layers
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from melgrid import LogMel
from melgrid.loaders import derive, normalization

args = arguments(__doc__).parse_args()
keras.utils.set_random_seed(args.seed)
features = features_of(args, LogMel(sr=22050, n_fft=1024, hop_length=512, n_mels=64))
train, _, _ = sides(features, args.seed)

x = inputs = keras.Input((None, 64, 1))  # clips of any length
x = normalization(train.statistics())(x)  # of the training clips only
pooled = []
for _ in range(5):
    x = layers.Conv2D(32, 3, padding="same", kernel_initializer="he_normal", activation="elu")(x)
    pooled.append(layers.GlobalAveragePooling2D()(x))
    x = layers.MaxPooling2D(2, padding="same")(x)
model = keras.Model(inputs, layers.Concatenate()(pooled), name="random_features")

train, _, test = sides(derive(features, model), args.seed)  # one frame of 160 values a clip
machine = make_pipeline(StandardScaler(), OneVsRestClassifier(SVC()))
values = {side: np.concatenate([side.feature_set[clip] for clip in side.clip_ids]) for side in (train, test)}
machine.fit(values[train], targets(train))
report("random_features", test, machine.decision_function(values[test]))
